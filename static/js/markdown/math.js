/**
 * Finds formulas in Markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`. Knows nothing of KaTeX: a formula
 * becomes an element that carries its source, to be drawn after the sanitiser.
 *
 * A dollar is a price more often than a formula: `$…$` stays on one line, has no space inside its
 * ends, no letter or digit around them, and does not start as a sum of money does. Lengths are bound,
 * for each opening sign may be a search for its end.
 */

/** @typedef {import("../../dist/marked.js").Marked} Marked */
/** @typedef {{type: string, raw: string, tex: string, display: boolean}} MathToken */

const BLOCK_DOLLARS = /^ {0,3}\$\$((?:[^$\\\n]|\\[^\n]|\$(?!\$)|\\?\n(?![ \t]*(?:\n|$))){1,4000}?)\$\$[ \t]*(?=\n|$)/;
const BLOCK_BRACKETS = /^ {0,3}\\\[((?:[^\\\n]|\\(?![\]\n])|\\?\n(?![ \t]*(?:\n|$))){1,4000}?)\\\][ \t]*(?=\n|$)/;
const INLINE_DOLLAR = /^\$(?![\s$])((?:[^$\\\n]|\\[^\n]){0,1000}?(?:[^\s$\\]|\\[^\n\s]))\$(?![\p{L}\p{N}$])/u;
const INLINE_DOLLARS = /^\$\$((?:[^$\\\n]|\\[^\n]|\$(?!\$)){1,1000}?)\$\$/;
const INLINE_PARENTHESES = /^\\\(((?:[^\\\n]|\\(?![)\n])){1,1000}?)\\\)/;
const INLINE_BRACKETS = /^\\\[((?:[^\\\n]|\\(?![\]\n])){1,1000}?)\\\]/;
const MONEY = /^\d[\d.,]*(?:\s*[-–—]\s*$|\s+[\p{L}(&+,]|[,;:]\s|[kKmMbB]\b)/u;
const OPENS_BLOCK = /^ {0,3}(?:\$\$|\\\[)/;
const BLOCK_START = /\n {0,3}(?:\$\$|\\\[)/g;
const WORD_CHARACTER = /[\p{L}\p{N}\\$]/u;

/**
 * @param {string} source
 * @returns {MathToken | undefined}
 */
export function blockMath(source) {
  if (!OPENS_BLOCK.test(source)) return undefined;
  const found = BLOCK_DOLLARS.exec(source) ?? BLOCK_BRACKETS.exec(source);
  if (!found?.[1].trim()) return undefined;
  return { type: "blockMath", raw: found[0], tex: found[1].trim(), display: true };
}

/**
 * @param {string} source starting where the formula may start
 * @param {string} before the character before it, empty at the start
 * @returns {MathToken | undefined}
 */
export function inlineMath(source, before = "") {
  const display = INLINE_DOLLARS.exec(source) ?? INLINE_BRACKETS.exec(source);
  if (display?.[1].trim()) return token(display, true);
  const brackets = INLINE_PARENTHESES.exec(source);
  if (brackets?.[1].trim()) return token(brackets, false);
  if (WORD_CHARACTER.test(before)) return undefined;
  const dollars = INLINE_DOLLAR.exec(source);
  if (!dollars || MONEY.test(dollars[1])) return undefined;
  return token(dollars, false);
}

/**
 * Whether a formula on lines of its own has been opened at the end of `source` and may still be
 * closed by what comes: until then nothing after its start can be told apart.
 *
 * @param {string} source
 */
export function openMathStart(source) {
  const paragraph = source.lastIndexOf("\n\n") + 1;
  const tail = "\n" + source.slice(paragraph);
  for (const { index } of tail.matchAll(BLOCK_START)) {
    const at = tail.slice(index + 1);
    if (!blockMath(at)) return Math.max(0, paragraph + index - 1);
  }
  return -1;
}

/**
 * @param {RegExpExecArray} found
 * @param {boolean} display
 * @returns {MathToken}
 */
function token(found, display) {
  return { type: "inlineMath", raw: found[0], tex: found[1].trim(), display };
}

/** @param {string} source */
function nextBlock(source) {
  for (const { index } of source.matchAll(BLOCK_START)) {
    if (blockMath(source.slice(index + 1))) return index;
  }
  return undefined;
}

/** @param {string} source */
function nextInline(source) {
  const index = source.search(/\$|\\[([]/);
  return index < 0 ? undefined : index;
}

/** Hides formulas from the search for `*` and `_`. @param {string} source */
function mask(source) {
  let masked = "";
  let at = 0;
  while (at < source.length) {
    const found = /[$\\`]/.test(source[at]) ? maskable(source, at) : 0;
    masked += found ? "[" + "a".repeat(found - 2) + "]" : source[at];
    at += found || 1;
  }
  return masked;
}

/** @param {string} source @param {number} at @returns {number} how many characters to hide */
function maskable(source, at) {
  const rest = source.slice(at);
  const code = /^(`+)(?!`)[\s\S]*?[^`]\1(?!`)/.exec(rest);
  if (code) return code[0].length;
  return inlineMath(rest, source[at - 1] ?? "")?.raw.length ?? 0;
}

/** @param {string} text */
export function escapeHtml(text) {
  return text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
}

/** @param {{[key: string]: any}} math */
function renderMath(math) {
  const kind = math.display ? "display" : "inline";
  return `<span data-math="${kind}">${escapeHtml(math.tex)}</span>`;
}

/** What `Marked.use` takes. */
export const mathExtension = {
  extensions: [
    {
      name: "blockMath",
      level: /** @type {const} */ ("block"),
      start: nextBlock,
      tokenizer: (/** @type {string} */ source) => blockMath(source),
      renderer: (/** @type {{[key: string]: any}} */ math) => `<p>${renderMath(math)}</p>\n`,
    },
    {
      name: "inlineMath",
      level: /** @type {const} */ ("inline"),
      start: nextInline,
      tokenizer(/** @type {string} */ source, /** @type {{raw: string}[]} */ tokens) {
        return inlineMath(source, tokens.at(-1)?.raw.at(-1));
      },
      renderer: renderMath,
    },
  ],
  hooks: { emStrongMask: mask },
};
