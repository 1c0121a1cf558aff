/** `<chat-feedback>`: thumbs and a comment on one answer. Given while it is written, too. */

import { html, nothing, render } from "../../dist/lit.js";
import { ICONS } from "../views/icons.js";

/** @typedef {import("../chat.js").Chat} Chat */
/** @typedef {import("../wire.js").Feedback} Feedback */
/** @typedef {import("../wire.js").Response} Response */

const MAX_COMMENT_CHARACTERS = 4_000;
const NONE = { rating: 0, tags: [], comment: "" };

export class ChatFeedback extends HTMLElement {
  /** @type {Chat | null} */
  chat = null;
  /** @type {Response | null} */
  response = null;
  /** @type {Feedback} */
  #feedback = NONE;
  #isCommenting = false;

  set feedback(/** @type {Feedback | undefined} */ feedback) {
    this.#feedback = feedback ?? NONE;
    this.#update();
  }

  connectedCallback() {
    this.#update();
  }

  #update() {
    render(this.#template(), this);
  }

  #template() {
    return html`
      ${this.#thumb(1, "Good answer", ICONS.up)} ${this.#thumb(-1, "Bad answer", ICONS.down)}
      <button class="icon small ${this.#feedback.comment ? "pressed" : ""}" type="button"
        aria-label="Comment on the answer" title="Comment on the answer"
        aria-expanded=${this.#isCommenting}
        @click=${() => this.#comment(!this.#isCommenting)}>${ICONS.comment}</button>
      ${this.#isCommenting ? this.#form() : nothing}
    `;
  }

  /** @param {number} rating @param {string} label @param {unknown} icon */
  #thumb(rating, label, icon) {
    const pressed = this.#feedback.rating === rating;
    return html`<button class="icon small ${pressed ? "pressed" : ""}" type="button"
      aria-label=${label} title=${label} aria-pressed=${pressed}
      @click=${() => this.#rate(pressed ? 0 : rating)}>${icon}</button>`;
  }

  #form() {
    return html`
      <form class="comment" @submit=${this.#submit} @keydown=${this.#escape}>
        <label>Comment
          <textarea name="comment" rows="3" maxlength=${MAX_COMMENT_CHARACTERS}
            .value=${this.#feedback.comment}></textarea></label>
        <p class="actions">
          <button class="primary small" type="submit">Save</button>
          <button class="quiet small" type="button" @click=${() => this.#comment(false)}>Cancel</button>
        </p>
      </form>
    `;
  }

  /** @param {number} rating */
  #rate(rating) {
    this.#say({ ...this.#feedback, rating });
  }

  /** @param {boolean} isCommenting */
  #comment(isCommenting) {
    this.#isCommenting = isCommenting;
    this.#update();
    const next = this.querySelector(isCommenting ? "textarea" : "[aria-expanded]");
    if (next instanceof HTMLElement) next.focus();
  }

  /** @param {SubmitEvent} event */
  #submit = (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    this.#say({ ...this.#feedback, comment: String(form.get("comment")).trim() });
    this.#comment(false);
  };

  /** @param {KeyboardEvent} event */
  #escape = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    this.#comment(false);
  };

  /** @param {Feedback} feedback */
  #say({ rating, tags, comment }) {
    if (this.chat && this.response) this.chat.rate(this.response, { rating, tags, comment });
  }
}

customElements.define("chat-feedback", ChatFeedback);
