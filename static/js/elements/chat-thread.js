/**
 * `<chat-thread>`: the branch that is shown, from prompts to answers. Stays at its end while that
 * grows, unless the reader has gone up.
 */

import { guard, html, nothing, repeat } from "../../dist/lit.js";
import { families } from "../state/tree.js";
import { ICONS } from "../views/icons.js";
import { turn, unsettled } from "../views/turn.js";
import { ChatElement } from "./chat-element.js";

/** @typedef {import("../wire.js").Response} Response */
/** @typedef {import("../state/outbox.js").Entry} Entry */

/** A long conversation is drawn from its end; more of it on request. */
const TURNS_AT_ONCE = 40;
const END_PIXELS = 80;

export class ChatThread extends ChatElement {
  #turns = TURNS_AT_ONCE;
  #isAtEnd = true;
  /** @type {HTMLElement} what scrolls */
  #scroller = this;

  /** @override */
  connected() {
    this.tabIndex = 0;
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Conversation");
    this.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(this);
    const grows = new MutationObserver(() => this.#follow());
    grows.observe(this, { childList: true, subtree: true, characterData: true });
  }

  /** @override */
  template() {
    const { session } = this.chat;
    const branch = session.branch;
    const hidden = Math.max(0, branch.length - this.#turns);
    const family = families(session.responses);
    const prompts = [...session.outbox.all("prompt"), ...cutShort(session)];
    return html`
      <div class="turns">
        ${hidden ? html`<button class="quiet earlier" type="button"
          @click=${() => this.#showEarlier()}>Show earlier messages</button>` : nothing}
        ${branch.length + prompts.length === 0 ? this.#empty() : nothing}
        ${repeat(branch.slice(hidden), ({ id }) => id, (response) => this.#turn(response, branch, family(response)))}
        ${prompts.map((entry) => unsettled(this.chat, entry))}
      </div>
      <button class="icon jump" type="button" aria-label="Go to the end" title="Go to the end"
        ?hidden=${this.#isAtEnd} @click=${() => this.#toEnd()}>${ICONS.latest}</button>
    `;
  }

  #empty() {
    const { session } = this.chat;
    if (session.removed) return html`<p class="empty">This conversation is gone.</p>`;
    if (session.conversation.id && !session.ready) {
      return html`<p class="empty">Opening the conversation<span class="dots" aria-hidden="true"></span></p>`;
    }
    return html`
      <div class="empty">
        <p class="lead">What is on your mind?</p>
        <p>You can talk back while the answer is written: steer it, queue what comes next, or stop it.</p>
      </div>
    `;
  }

  /** @param {Response} response @param {Response[]} branch @param {Response[]} siblings */
  #turn(response, branch, siblings) {
    const { session } = this.chat;
    const isLast = response === branch.at(-1);
    const steers = this.#steersAfter(response, isLast, branch);
    const seen = [
      response, response.revision, response.receipt, isLast, siblings.length, session.ready,
      this.chat.feedbackOf(response), session.isStopping(response),
      steers.map(({ id, state }) => id + state).join(),
    ];
    return guard(seen, () => turn(this.chat, response, { siblings, isLast, steers }));
  }

  /** A steer stands after what it steers, or at the end when that is not shown. @param {Response} response
   * @param {boolean} isLast @param {Response[]} branch */
  #steersAfter(response, isLast, branch) {
    return this.chat.session.outbox.all("steer").filter(({ target }) =>
      target === response.id || (isLast && !branch.some(({ id }) => id === target)));
  }

  /** @override to the switcher of the answer that took the place, or among the earlier messages */
  focusAfter(/** @type {HTMLElement} */ lost) {
    const switcher = lost.closest(".switcher") && this.#switcherInPlaceOf(lost);
    if (switcher instanceof HTMLElement) switcher.focus();
    else if (lost.matches(".earlier")) this.focus({ preventScroll: true });
    else super.focusAfter(lost);
  }

  /** @param {HTMLElement} lost a button of a switcher that is gone */
  #switcherInPlaceOf(lost) {
    const { session } = this.chat;
    const id = lost.closest("article")?.dataset.responseId ?? "";
    const before = session.responses.get(id);
    if (!before) return null;
    const now = families(session.responses)(before).find((each) => session.branch.includes(each));
    const place = `[data-response-id="${now?.id}"] .switcher`;
    const label = lost.getAttribute("aria-label");
    return this.querySelector(`${place} [aria-label="${label}"]:enabled`) ?? this.querySelector(`${place} button:enabled`);
  }

  #showEarlier() {
    const before = this.#scroller.scrollHeight;
    this.#turns += TURNS_AT_ONCE;
    this.update();
    this.#scroller.scrollTop += this.#scroller.scrollHeight - before;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < END_PIXELS;
    if (isAtEnd === this.#isAtEnd) return;
    this.#isAtEnd = isAtEnd;
    this.schedule();
  }

  #follow() {
    if (this.#isAtEnd) this.#toEnd();
  }

  #toEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Shows the end, whatever the reader looked at: they have just said something. */
  showEnd() {
    this.#isAtEnd = true;
    this.update();
    this.#toEnd();
  }
}

/** Withdrawn prompts that came back in part. @param {import("../session.js").Session} session */
function cutShort({ outbox }) {
  return outbox.all("dequeue").filter(({ state }) => state === "failed");
}

customElements.define("chat-thread", ChatThread);
