/**
 * `<chat-markdown>`: a text that may still grow, shown as Markdown. Blocks that are finished become
 * nodes once and are never touched again; the open ones are drawn anew, at most once a frame.
 */

import { copyFrom } from "../clipboard.js";
import { nextFrame } from "../frames.js";
import { BlockSplitter, renderBlock } from "../markdown/blocks.js";
import { decorate, drawFormulas, finish } from "../markdown/decorate.js";
import { morphChildren } from "../markdown/morph.js";
import { sanitise } from "../markdown/sanitise.js";

/** A block that is slow to draw is drawn less often: it may take this part of the time. */
const BUSY_SHARE = 0.2;

/** @typedef {{raw: string, finished: boolean, node: HTMLElement}} Shown */

export class ChatMarkdown extends HTMLElement {
  #splitter = new BlockSplitter();
  /** @type {Shown[]} */
  #shown = [];
  #taken = "";
  #text = "";
  #live = false;
  #ended = false;
  #scheduled = false;
  #restUntil = 0;

  connectedCallback() {
    this.addEventListener("click", copyCode);
    this.#update();
  }

  /** The text exactly as it came. */
  get rawText() {
    return this.#text;
  }

  set text(/** @type {string} */ text) {
    if (text === this.#text) return;
    this.#text = text;
    this.#schedule();
  }

  /** Whether more text may come. */
  set live(/** @type {boolean} */ live) {
    if (live === this.#live && !live === this.#ended) return;
    this.#live = live;
    this.#schedule();
  }

  #schedule() {
    if (this.#scheduled || !this.isConnected) return;
    this.#scheduled = true;
    nextFrame(() => this.#update());
  }

  #update() {
    this.#scheduled = false;
    const rest = this.#restUntil - performance.now();
    if (rest > 0 && this.#live) {
      this.#scheduled = true;
      setTimeout(() => this.#update(), rest);
      return;
    }
    const began = performance.now();
    this.#draw(this.#read());
    const took = performance.now() - began;
    this.#restUntil = began + took / BUSY_SHARE;
    this.classList.toggle("live", this.#live);
  }

  #read() {
    if (this.#ended || !this.#text.startsWith(this.#taken)) this.#restart();
    const delta = this.#text.slice(this.#taken.length);
    this.#taken = this.#text;
    const open = this.#splitter.push(delta);
    this.#ended = !this.#live;
    return this.#live ? open : this.#splitter.end();
  }

  #restart() {
    this.#splitter = new BlockSplitter();
    this.#taken = "";
  }

  /** @param {import("../markdown/blocks.js").Block[]} blocks */
  #draw(blocks) {
    const shown = blocks.filter(({ raw }) => raw.trim() !== "");
    shown.forEach((block, index) => this.#drawBlock(block, index));
    for (const { node } of this.#shown.splice(shown.length)) node.remove();
  }

  /** @param {import("../markdown/blocks.js").Block} block @param {number} index */
  #drawBlock({ raw, finished }, index) {
    const present = this.#shown[index];
    const isSame = present?.raw === raw;
    if (isSame && present.finished === finished && !this.#hasNewTarget(raw)) return;
    const node = present?.node ?? this.appendChild(newBlock());
    const fragment = sanitise(renderBlock(raw, this.#splitter.targets));
    decorate(fragment);
    morphChildren(node, fragment);
    this.#shown[index] = { raw, finished, node };
    if (!finished) return void drawFormulas(node);
    void finish(node);
    if (!present?.finished) this.#announce(node);
  }

  /** Whether a link that is defined further down may show in a finished block. @param {string} raw */
  #hasNewTarget(raw) {
    if (!this.#ended || !raw.includes("[")) return false;
    const text = raw.toLowerCase();
    return Object.keys(this.#splitter.targets).some((label) => text.includes(`[${label}]`));
  }

  /** Once a block: one that has a new target is drawn anew, and says the same. @param {HTMLElement} node */
  #announce(node) {
    if (this.#taken === "" || !this.classList.contains("live")) return;
    this.dispatchEvent(new CustomEvent("block-finished", { bubbles: true, detail: node }));
  }
}

function newBlock() {
  const node = document.createElement("div");
  node.className = "block";
  node.dir = "auto";
  return node;
}

/** @param {Event} event */
function copyCode(event) {
  const button = event.target instanceof Element ? event.target.closest(".copy-code") : null;
  const code = button?.closest(".code")?.querySelector("code");
  if (button && code) void copyFrom(button, code.textContent ?? "");
}

customElements.define("chat-markdown", ChatMarkdown);
