/** A page in the background is given no frames, but must not fall behind for ever. */
const HIDDEN_MILLISECONDS = 250;

/**
 * Calls once before the next frame, or soon when the page is hidden.
 *
 * @param {() => void} draw
 */
export function nextFrame(draw) {
  const once = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    draw();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, HIDDEN_MILLISECONDS);
}
