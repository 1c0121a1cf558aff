/**
 * What sanitised Markdown gets from us: formulas drawn, code with its name, a copy button and colours,
 * tables that scroll in themselves. The libraries for it are loaded when they are needed first.
 */

const FORMULAS_KEPT = 500;
/** Colours for more than this would stop the page for longer than they are worth. */
const COLOURED_CHARACTERS = 30_000;

/** @type {Map<string, Node>} drawn formulas: a block that grows is drawn again and again */
const drawn = new Map();
/** @type {Promise<typeof import("../../dist/katex.js").katex> | undefined} */
let katexLoading;
/** @type {Promise<typeof import("../../dist/highlight.js").highlight> | undefined} */
let highlightLoading;

function loadKatex() {
  katexLoading ??= import("../../dist/katex.js").then((library) => library.katex);
  return katexLoading;
}

function loadHighlight() {
  highlightLoading ??= import("../../dist/highlight.js").then((library) => library.highlight);
  return highlightLoading;
}

/**
 * Prepares nodes that may still be replaced.
 *
 * @param {DocumentFragment} fragment
 */
export function decorate(fragment) {
  for (const pre of fragment.querySelectorAll("pre")) frameCode(pre);
  for (const table of fragment.querySelectorAll("table")) frameTable(table);
  for (const math of fragment.querySelectorAll("[data-math]")) showDrawn(math);
}

/**
 * Finishes nodes that stay: what takes a library comes when the library is there.
 *
 * @param {ParentNode} nodes
 */
export async function finish(nodes) {
  await Promise.all([drawFormulas(nodes), colourCode(nodes)]);
}

/**
 * Draws what is not drawn yet.
 *
 * @param {ParentNode} nodes
 */
export async function drawFormulas(nodes) {
  const plain = [...nodes.querySelectorAll("[data-math]:not([data-drawn])")];
  if (plain.length === 0) return;
  const katex = await loadKatex();
  for (const math of plain) drawFormula(katex, math);
}

/** @param {typeof import("../../dist/katex.js").katex} katex @param {Element} math */
function drawFormula(katex, math) {
  if (math.hasAttribute("data-drawn")) return; // by another call that waited for the library as well
  const tex = math.textContent ?? "";
  const display = math.getAttribute("data-math") === "display";
  const holder = document.createElement("span");
  katex.render(tex, holder, { displayMode: display, throwOnError: false, strict: "ignore", errorColor: "inherit" });
  if (drawn.size >= FORMULAS_KEPT) drawn.clear();
  drawn.set(key(math), holder);
  showDrawn(math);
}

/** @param {Element} math */
function showDrawn(math) {
  const holder = drawn.get(key(math));
  if (!holder) return;
  math.setAttribute("data-drawn", "");
  math.replaceChildren(...holder.cloneNode(true).childNodes);
}

/** @param {Element} math @returns {string} */
function key(math) {
  return `${math.getAttribute("data-math")}:${math.textContent}`;
}

/** @param {HTMLPreElement} pre */
function frameCode(pre) {
  const language = pre.dataset.language ?? "";
  const frame = element("div", "code");
  const head = element("div", "code-head");
  const name = element("span", "code-language", language || "text");
  const copy = element("button", "quiet small copy-code", "Copy");
  copy.setAttribute("type", "button");
  head.append(name, copy);
  pre.tabIndex = 0;
  pre.setAttribute("role", "region");
  pre.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
  pre.replaceWith(frame);
  frame.append(head, pre);
}

/** @param {HTMLTableElement} table */
function frameTable(table) {
  const frame = element("div", "table-scroller");
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", "Table");
  table.replaceWith(frame);
  frame.append(table);
}

/** @param {string} tag @param {string} className @param {string} [text] */
function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** @param {ParentNode} nodes */
async function colourCode(nodes) {
  const plain = nodes.querySelectorAll('pre[data-language]:not([data-language=""]) > code');
  if (plain.length === 0) return;
  const highlight = await loadHighlight();
  for (const code of plain) colour(code, highlight);
}

/** @param {Element} code @param {(code: string, language: string) => string | null} highlight */
function colour(code, highlight) {
  const language = /** @type {HTMLElement} */ (code.parentElement).dataset.language ?? "";
  const text = code.textContent ?? "";
  if (text.length > COLOURED_CHARACTERS) return;
  const html = highlight(text, language.toLowerCase());
  // Made by the highlighter from escaped text: nothing but spans with classes.
  if (html !== null) code.innerHTML = html;
}
