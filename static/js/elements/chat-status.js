/** `<chat-status>`: the connection when it is not there, who types, and errors that fit nowhere else. */

import { html, nothing } from "../../dist/lit.js";
import { ICONS } from "../views/icons.js";
import { ChatElement } from "./chat-element.js";

const PATIENCE_MILLISECONDS = 1_500;
const BACK_MILLISECONDS = 3_000;

export class ChatStatus extends ChatElement {
  #lostAt = Date.now();
  #backUntil = 0;
  #timer = 0;

  /** @override */
  connected() {
    this.chat.addEventListener("change", () => this.#look());
  }

  #look() {
    const { state } = this.chat.socket;
    if (state === "open" && this.#lostAt) {
      if (this.#isLateSince(this.#lostAt)) this.#backUntil = Date.now() + BACK_MILLISECONDS;
      this.#lostAt = 0;
    } else if (state !== "open" && !this.#lostAt) {
      this.#lostAt = Date.now();
    }
  }

  /** @param {number} moment */
  #isLateSince(moment) {
    return Date.now() - moment > PATIENCE_MILLISECONDS;
  }

  /** @override */
  template() {
    const { session } = this.chat;
    return html`${this.#connection()} ${this.#notice()} ${this.#typing()}
      ${session.removed ? this.#removed() : nothing}`;
  }

  /** @override */
  updated() {
    clearTimeout(this.#timer);
    const { session, socket } = this.chat;
    const waits = socket.state !== "open" || Date.now() < this.#backUntil;
    const isTyping = session.typing && session.typing.until > Date.now();
    if (waits || isTyping) this.#timer = setTimeout(() => this.update(), 500);
  }

  #connection() {
    const { session, socket } = this.chat;
    if (session.removed) return nothing;
    if (socket.state === "open") {
      return Date.now() < this.#backUntil ? html`<p class="good">Connected again.</p>` : nothing;
    }
    if (socket.state === "connecting" && !this.#isLateSince(this.#lostAt)) return nothing;
    const kept = session.outbox.waiting ? " What you said is kept and goes out then." : "";
    return html`<p class="warning">The connection is lost. Connecting again…${kept}
      <button class="quiet small" type="button" @click=${() => socket.hurry()}>Now</button></p>`;
  }

  #notice() {
    const { notice } = this.chat.session;
    if (!notice) return nothing;
    return html`<p class="warning">${notice.message || "Something went wrong."} <code>${notice.code}</code>
      <button class="icon small" type="button" aria-label="Dismiss"
        @click=${() => this.chat.note(null)}>${ICONS.remove}</button></p>`;
  }

  #typing() {
    const { typing } = this.chat.session;
    if (!typing || typing.until < Date.now()) return nothing;
    const who = typing.user === this.chat.user ? "You are typing elsewhere" : `${typing.user} is typing`;
    return html`<p class="typing">${who}<span class="dots" aria-hidden="true"></span></p>`;
  }

  #removed() {
    return html`<p class="warning">This conversation is gone.
      <a href=${this.chat.api.addresses.home}>Start a new one</a></p>`;
  }
}

customElements.define("chat-status", ChatStatus);
