/** An element that shows a part of the chat, and draws anew, once a frame, when that changes. */

import { render } from "../../dist/lit.js";
import { drawAndFindLost } from "../focus.js";
import { nextFrame } from "../frames.js";

/** @typedef {import("../chat.js").Chat} Chat */

export class ChatElement extends HTMLElement {
  /** @type {Chat | null} */
  #chat = null;
  #scheduled = false;

  get chat() {
    if (!this.#chat) throw new Error(`${this.localName} has no chat`);
    return this.#chat;
  }

  set chat(/** @type {Chat} */ chat) {
    this.#chat = chat;
    chat.addEventListener("change", () => this.schedule());
    this.connected();
    this.update();
  }

  /** Called once, when there is a chat. */
  connected() {}

  /** @returns {unknown} what lit draws */
  template() {
    return "";
  }

  /** Called after each drawing. */
  updated() {}

  schedule() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    nextFrame(() => this.update());
  }

  update() {
    this.#scheduled = false;
    const lost = drawAndFindLost(this, () => render(this.template(), this));
    this.updated();
    if (lost) this.focusAfter(lost);
  }

  /** Finds another place for the focus: by default where one writes. @param {HTMLElement} _lost what had it */
  focusAfter(_lost) {
    this.dispatchEvent(new CustomEvent("focus-lost", { bubbles: true }));
  }
}
