/**
 * `<chat-composer>`: where a person writes. While an answer is written Enter steers it, Alt+Enter lets
 * the text wait its turn, Escape stops. What is written survives a reload.
 */

import { html, live, nothing } from "../../dist/lit.js";
import { draftKey, recall, remember } from "../storage.js";
import { inputText } from "../wire.js";
import { ICONS } from "../views/icons.js";
import { waitingPrompts } from "../views/waiting.js";
import { ChatElement } from "./chat-element.js";

const TALLEST_PIXELS = 320;
const FITS_BY_ITSELF = CSS.supports("field-sizing", "content");
const ELSEWHERE = "input, select, textarea, #sidebar *";
/** What Safari says of the key that accepts a composed word, after it has said that the word is done. */
const COMPOSING_KEY_CODE = 229;

export class ChatComposer extends ChatElement {
  #text = "";
  /** @type {import("../wire.js").Response | null} */
  #edited = null;
  #beforeEdit = "";
  #isSaying = false;
  /** @type {string | null} the text whose height the box has */
  #measured = null;
  #width = 0;
  /** @type {Element | null} the waiting prompt beside the one that has the focus */
  #nextRow = null;

  /** @override */
  connected() {
    this.#text = recall("local", this.#draft) ?? "";
    this.chat.addEventListener("created", () => remember("local", draftKey(this.chat.user, ""), null));
    new ResizeObserver(() => this.#widthChanged()).observe(this);
    document.addEventListener("keydown", (event) => this.#escape(event));
    document.addEventListener("take-back", (event) => {
      const { detail } = /** @type {CustomEvent<string>} */ (event);
      this.#write([this.#text, detail].filter(Boolean).join("\n\n"));
      this.focusText();
    });
  }

  get #draft() {
    return draftKey(this.chat.user, this.chat.session.conversation.id);
  }

  /** @returns {HTMLTextAreaElement | null} */
  get #area() {
    return this.querySelector("textarea");
  }

  focusText() {
    this.#area?.focus();
  }

  /** @override An edit is taken at once: what is written before the next frame would be lost. */
  schedule() {
    if (this.chat.editing === this.#edited) super.schedule();
    else this.update();
  }

  /** @override */
  update() {
    this.#followEdit();
    const row = this.querySelector(".waiting li:focus-within");
    this.#nextRow = row?.nextElementSibling ?? row?.previousElementSibling ?? null;
    super.update();
  }

  /** @override to the next row when one was removed, else to the box */
  focusAfter(/** @type {HTMLElement} */ lost) {
    const next = lost.matches(".remove") && this.#nextRow?.querySelector("button.remove:enabled");
    if (next instanceof HTMLElement) next.focus();
    else this.focusText();
  }

  /** @override */
  updated() {
    if (this.#measured !== this.#text) this.#measure();
  }

  /** Measuring lays the whole page out: not with every token, and not where CSS does it. */
  #measure() {
    const area = this.#area;
    if (!area || FITS_BY_ITSELF) return;
    this.#measured = this.#text;
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight, TALLEST_PIXELS)}px`;
  }

  #widthChanged() {
    if (this.clientWidth === this.#width) return;
    this.#width = this.clientWidth;
    this.#measure();
  }

  /** Takes the prompt to edit into the box, and gives back what was there before. */
  #followEdit() {
    const { editing } = this.chat;
    if (editing === this.#edited) return;
    if (editing) {
      if (!this.#edited) this.#beforeEdit = this.#text;
      this.#text = inputText(editing.items.filter(({ direction }) => direction === "input").map(({ source }) => source));
      requestAnimationFrame(() => this.focusText());
    } else {
      this.#text = this.#beforeEdit;
    }
    this.#edited = editing;
  }

  /** @override */
  template() {
    const { session } = this.chat;
    const mode = this.#mode();
    return html`
      ${waitingPrompts(this.chat)}
      <form class="composer" @submit=${this.#submit}>
        ${this.chat.editing ? this.#editNote() : nothing}
        <label class="visually-hidden" for="prompt">Your message</label>
        <textarea id="prompt" rows="1" placeholder=${mode.placeholder} enterkeyhint="send" dir="auto"
          aria-describedby="keys" ?disabled=${session.removed} .value=${live(this.#text)}
          @input=${this.#input} @keydown=${this.#keydown}></textarea>
        <div class="controls">
          ${this.#models()}
          <span class="keys" id="keys">${mode.keys}</span>
          ${session.busy ? this.#busyButtons() : nothing}
          <button class="primary send" type="submit" aria-label=${mode.action} title=${mode.action}
            ?disabled=${this.#text.trim() === "" || session.removed}>
            ${mode.action === "Steer" ? ICONS.steer : ICONS.send}<span>${mode.action}</span></button>
        </div>
      </form>
    `;
  }

  #mode() {
    const { session, editing } = this.chat;
    if (editing) return { action: "Send", placeholder: "Edit your message", keys: "Enter: ask again · Esc: leave" };
    if (session.live && session.isStopping(session.live)) {
      return { action: "Send", placeholder: "Write a message…", keys: "Enter: send when it has stopped" };
    }
    if (session.live) {
      return {
        action: "Steer",
        placeholder: "Talk back…",
        keys: "Enter: steer · Alt+Enter: queue · Esc: stop",
      };
    }
    if (session.busy) return { action: "Queue", placeholder: "Say what comes next…", keys: "Enter: queue · Esc: stop" };
    return { action: "Send", placeholder: "Write a message…", keys: "Enter: send · Shift+Enter: new line" };
  }

  #models() {
    const { models, model } = this.chat;
    if (models.length === 0) return nothing;
    return html`
      <label class="model"><span class="visually-hidden">Model</span>
        <select @change=${this.#choose}>
          ${models.map((id) => html`<option value=${id} ?selected=${id === model}>${id}</option>`)}
        </select></label>
    `;
  }

  #busyButtons() {
    const { session, editing } = this.chat;
    const { live } = session;
    const isStopping = live !== undefined && session.isStopping(live);
    const canQueue = live && !isStopping && !editing;
    return html`
      ${canQueue ? html`<button class="secondary queue" type="button" aria-label="Queue" title="Queue (Alt+Enter)"
        ?disabled=${this.#text.trim() === ""}
        @click=${() => this.#say(true)}>${ICONS.queue}<span>Queue</span></button>` : nothing}
      <button class="secondary stop" type="button" ?disabled=${isStopping}
        aria-label=${isStopping ? "Stopping…" : "Stop"} title="Stop (Esc)"
        @click=${() => this.chat.stop()}>${ICONS.stop}<span>${isStopping ? "Stopping…" : "Stop"}</span></button>
    `;
  }

  #editNote() {
    return html`<p class="edit-note">You are editing an earlier message: its answer gets a sibling.
      <button class="quiet small" type="button" @click=${() => this.chat.edit(null)}>Leave</button></p>`;
  }

  /** @param {InputEvent} event */
  #input = (event) => {
    this.#write(/** @type {HTMLTextAreaElement} */ (event.target).value);
    this.chat.type();
  };

  /** @param {Event} event */
  #choose = (event) => {
    this.chat.choose(/** @type {HTMLSelectElement} */ (event.target).value);
  };

  /** @param {KeyboardEvent} event */
  #keydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || isComposing(event)) return;
    event.preventDefault();
    void this.#say(event.altKey);
  };

  /** @param {SubmitEvent} event */
  #submit = (event) => {
    event.preventDefault();
    void this.#say(false);
  };

  /** @param {KeyboardEvent} event */
  #escape(event) {
    if (event.key !== "Escape" || event.defaultPrevented || isComposing(event)) return;
    const { target } = event; // Escape has a meaning of its own in other fields, and none in the sidebar
    if (target !== this.#area && target instanceof Element && target.matches(ELSEWHERE)) return;
    if (document.querySelector("dialog[open]")) return;
    if (this.chat.editing) this.chat.edit(null);
    else this.chat.stop();
  }

  /** @param {boolean} mayWait */
  async #say(mayWait) {
    const text = this.#text;
    if (text.trim() === "" || this.#isSaying) return;
    const isEdit = this.#edited !== null;
    this.#isSaying = true;
    const isTaken = await this.chat.submit(text, mayWait);
    this.#isSaying = false;
    if (!isTaken) return;
    if (this.#text === text && !isEdit) this.#write("");
    this.dispatchEvent(new CustomEvent("said", { bubbles: true }));
  }

  /** @param {string} text */
  #write(text) {
    this.#text = text;
    if (!this.chat.editing) remember("local", this.#draft, text);
    this.update();
  }
}

/** @param {KeyboardEvent} event */
function isComposing(event) {
  return event.isComposing || event.keyCode === COMPOSING_KEY_CODE;
}

customElements.define("chat-composer", ChatComposer);
