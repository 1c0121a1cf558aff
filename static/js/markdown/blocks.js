/**
 * Splits a growing Markdown text into top-level blocks, some of which are finished: no text that may
 * still come changes them. Pure. Only the part after the finished blocks is read again.
 */

import { mathExtension, openMathStart, escapeHtml } from "./math.js";
import { Marked } from "../../dist/marked.js";

/** @typedef {{href: string, title?: string | null}} Target */
/** @typedef {{raw: string, finished: boolean}} Block */

// A block may still join what precedes it ("1" → "1. item", "a | b" → a table), so one block stays
// open before the last one.
const OPEN_BLOCKS = 2;
const HARMLESS_TAG = /^<(?:br\s*\/?|\/?(?:kbd|sub|sup))>$/i;
const FIRST_HEADING_LEVEL = 3; // the page itself uses the first two
const WEB_ADDRESS = /^(?:https?:|mailto:)/i;

const marked = new Marked({ gfm: true, breaks: true }, mathExtension, {
  renderer: {
    html({ text, block }) {
      if (HARMLESS_TAG.test(text)) return text;
      return block ? literal(text) : escapeHtml(text);
    },
    heading({ tokens, depth }) {
      const level = Math.min(depth + FIRST_HEADING_LEVEL - 1, 6);
      return `<h${level} class="level-${depth}">${this.parser.parseInline(tokens)}</h${level}>\n`;
    },
    image({ href, text }) {
      const label = escapeHtml(text || href);
      return WEB_ADDRESS.test(href) ? `<a href="${escapeHtml(href)}">${label}</a>` : label;
    },
    checkbox({ checked }) {
      const label = checked ? "done" : "to do";
      return `<span class="checkbox" role="img" aria-label="${label}">${checked ? "☑" : "☐"}</span> `;
    },
    code({ text, lang }) {
      const language = /^[\w+#.-]+/.exec(lang ?? "")?.[0] ?? "";
      return `<pre data-language="${escapeHtml(language)}"><code>${escapeHtml(text)}</code></pre>\n`;
    },
  },
});

export class BlockSplitter {
  /** @type {string[]} raw text of finished blocks */
  #finished = [];
  /** What is not in finished blocks yet. */
  #tail = "";
  /** A carriage return at the very end, which may be half of a line break. */
  #held = "";
  /** @type {Record<string, Target>} */
  #targets = Object.create(null);
  #whole = "";

  /**
   * Takes more text.
   *
   * @param {string} delta
   * @returns {Block[]} all blocks, the open ones last
   */
  push(delta) {
    const text = this.#held + delta;
    this.#held = text.endsWith("\r") ? "\r" : "";
    const normal = (this.#held ? text.slice(0, -1) : text).replace(/\r\n|\r/g, "\n");
    this.#whole += normal;
    this.#tail += normal;
    const raws = split(this.#tail);
    const keep = this.#countFinished(raws);
    for (const raw of raws.splice(0, keep)) this.#finish(raw);
    return [...this.#blocks(), ...raws.map((raw) => ({ raw, finished: false }))];
  }

  /**
   * Says that no more text comes. The whole text is split once more, so that the outcome never
   * depends on how it was cut.
   *
   * @returns {Block[]}
   */
  end() {
    if (this.#held) this.push("\n");
    this.#held = "";
    const raws = split(this.#whole);
    this.#finished = [];
    this.#targets = Object.create(null);
    this.#tail = "";
    for (const raw of raws) this.#finish(raw);
    return this.#blocks();
  }

  /**
   * The targets of links that are defined in a finished block, by label.
   *
   * @returns {Record<string, Target>}
   */
  get targets() {
    return this.#targets;
  }

  /** @returns {Block[]} */
  #blocks() {
    return this.#finished.map((raw) => ({ raw, finished: true }));
  }

  /** @param {string} raw */
  #finish(raw) {
    this.#finished.push(raw);
    this.#tail = this.#tail.slice(raw.length);
    if (raw.includes("]:")) this.#learnTargets(raw);
  }

  /** @param {string} raw */
  #learnTargets(raw) {
    const lexer = new marked.Lexer(marked.defaults);
    lexer.blockTokens(raw, lexer.tokens);
    this.#targets = Object.assign(Object.create(null), lexer.tokens.links, this.#targets);
  }

  /**
   * How many of the blocks can no longer change.
   *
   * @param {string[]} raws
   */
  #countFinished(raws) {
    const shown = raws.map((raw) => raw.trim() !== "");
    const openMath = openMathStart(this.#tail);
    let open = 0;
    let end = this.#tail.length;
    for (let index = raws.length - 1; index >= 0; index--) {
      end -= raws[index].length;
      if (shown[index] && (openMath < 0 || end < openMath)) open++;
      if (open > OPEN_BLOCKS) return index + 1;
    }
    return 0;
  }
}

/**
 * @param {string} text
 * @returns {string[]} pieces that make up the text
 */
function split(text) {
  const raws = unlessTooDeep(() => {
    const lexer = new marked.Lexer(marked.defaults);
    return lexer.blockTokens(text, []).map((token) => token.raw);
  }, [text]);
  // The lexer leaves a line break out here and there: what counts is that nothing is lost.
  return raws.join("") === text ? raws : realign(raws, text);
}

/** @param {string[]} raws @param {string} text */
function realign(raws, text) {
  const pieces = [];
  let at = 0;
  for (const raw of raws) {
    const found = text.startsWith(raw, at) ? at : text.indexOf(raw, at);
    if (found < 0) return [text];
    const end = found + raw.length;
    pieces.push(text.slice(at, end));
    at = end;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}

/**
 * HTML of one block. It is not safe: raw HTML is escaped, but addresses are not checked.
 *
 * @param {string} raw
 * @param {Record<string, Target>} [targets]
 * @returns {string}
 */
export function renderBlock(raw, targets = {}) {
  return unlessTooDeep(() => {
    const lexer = new marked.Lexer(marked.defaults);
    Object.assign(lexer.tokens.links, targets);
    return marked.parser(lexer.lex(raw), marked.defaults);
  }, literal(raw));
}

/** @param {string} text */
function literal(text) {
  return `<p class="literal">${escapeHtml(text.trimEnd())}</p>\n`;
}

/**
 * Some thousand nested quotes exhaust the stack; they are shown as they are.
 *
 * @template Result
 * @param {() => Result} read
 * @param {Result} otherwise
 */
function unlessTooDeep(read, otherwise) {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return otherwise;
    throw error;
  }
}
