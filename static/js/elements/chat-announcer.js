/**
 * `<chat-announcer>`: a live region for screen readers. It says that an answer begins, each of its
 * blocks when that is finished, and how it ended; never single tokens.
 */

import { ChatElement } from "./chat-element.js";

/** Long enough to be noticed: of many lines that come at once none may be gone before. */
const KEPT_MILLISECONDS = 10_000;
/** The last blocks are drawn a little after the answer has ended, and come before the word of it. */
const END_MILLISECONDS = 400;
/** @type {Record<string, string>} */
const ENDS = {
  completed: "The answer is complete.",
  cancelled: "Stopped.",
  failed: "The answer failed.",
  incomplete: "The answer ended early.",
};

export class ChatAnnouncer extends ChatElement {
  #liveId = "";

  /** @override */
  connected() {
    document.addEventListener("block-finished", (event) => {
      const isFolded = event.target instanceof Element && event.target.closest("details");
      if (!isFolded) this.#say(spoken(/** @type {CustomEvent<HTMLElement>} */ (event).detail));
    });
  }

  /** @override */
  update() {
    super.update();
    const { session } = this.chat;
    const live = session.live?.id ?? "";
    if (live === this.#liveId) return;
    const ended = session.responses.get(this.#liveId);
    if (ended && ended.reason !== "steered" && !live) this.#sayEnd(ended.status);
    if (live) this.#say(ended?.reason === "steered" ? "Steered. Answering…" : "Answering…");
    this.#liveId = live;
  }

  /** @override lit draws nothing here */
  template() {
    return "";
  }

  /** @param {string} status */
  #sayEnd(status) {
    setTimeout(() => this.#say(ENDS[status] ?? ""), END_MILLISECONDS);
  }

  /** @param {string} text */
  #say(text) {
    if (text === "") return;
    const line = document.createElement("p");
    line.textContent = text;
    this.append(line);
    setTimeout(() => line.remove(), KEPT_MILLISECONDS);
  }
}

/** What to read of a block. @param {HTMLElement} block */
function spoken(block) {
  const code = block.querySelector(".code");
  if (code) return code.querySelector("pre")?.getAttribute("aria-label") ?? "Code";
  const copy = /** @type {HTMLElement} */ (block.cloneNode(true));
  for (const math of copy.querySelectorAll("[data-math]")) math.textContent = formula(math);
  for (const hidden of copy.querySelectorAll('[aria-hidden="true"], button')) hidden.remove();
  return copy.textContent?.trim() ?? "";
}

/** As it was written: what is drawn of it holds it twice more. @param {Element} math */
function formula(math) {
  return (math.querySelector("annotation") ?? math).textContent;
}

customElements.define("chat-announcer", ChatAnnouncer);
