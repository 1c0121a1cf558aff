/** Chance that can be repeated: the same seed gives the same choices. @param {number} seed */
export function random(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
  /** @param {number} limit */
  const below = (limit) => Math.floor(next() * limit);
  /** @param {string} text @param {number} longest */
  const cuts = (text, longest) => {
    const pieces = [];
    for (let at = 0; at < text.length; ) {
      const end = at + 1 + below(longest);
      pieces.push(text.slice(at, end));
      at = end;
    }
    return pieces;
  };
  return { next, below, cuts };
}
