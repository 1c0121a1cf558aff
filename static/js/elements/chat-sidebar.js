/** `<chat-sidebar>`: a person's conversations, newest first, to open, find, rename and delete. */

import { html, nothing, repeat } from "../../dist/lit.js";
import { ICONS } from "../views/icons.js";
import { ChatElement } from "./chat-element.js";

/** @typedef {import("../api.js").Row} Row */
/** @typedef {import("../api.js").Rows} Rows */

const TYPING_PAUSE_MILLISECONDS = 200;

export class ChatSidebar extends ChatElement {
  /** @type {Row[]} */
  #rows = [];
  /** @type {string | null} */
  #next = null;
  #search = "";
  #timer = 0;
  #error = "";
  /** How many times the list was asked for: only the last answer counts. */
  #loads = 0;
  /** The row that is to have the focus when the button that had it goes. */
  #changedAt = 0;

  /** @param {Rows} rows */
  set list(rows) {
    this.#rows = rows.conversations;
    this.#next = rows.next;
  }

  /** @override */
  update() {
    this.#followShown();
    super.update();
  }

  /** The conversation that is shown is in the list, under the title that the session knows. */
  #followShown() {
    const { id, title } = this.chat.session.conversation;
    if (!id || this.#search) return;
    const row = this.#rows.find((each) => each.id === id);
    if (row && title) row.title = title;
    const hasPrompt = this.chat.session.responses.size > 0;
    if (!row && hasPrompt) this.#rows = [{ id, title, updated_at: "" }, ...this.#rows];
  }

  /** @override */
  template() {
    return html`
      <a class="new-conversation button-like secondary" href=${this.chat.api.addresses.home}>New conversation</a>
      <label class="search"><span class="visually-hidden">Search conversations by title</span>
        <input type="search" placeholder="Search" autocomplete="off" @input=${this.#input}></label>
      <nav aria-label="Conversations">
        <ul>${repeat(this.#rows, ({ id }) => id, (row) => this.#row(row))}</ul>
        ${this.#rows.length === 0 ? html`<p class="none">${this.#search ? "None found." : "No conversations yet."}</p>` : nothing}
        ${this.#error ? html`<p class="none" role="alert">${this.#error}</p>` : nothing}
        ${this.#next ? html`<button class="quiet more" type="button" @click=${() => this.#load(this.#next ?? "")}>Show more</button>` : nothing}
      </nav>
    `;
  }

  /** @param {Row} row */
  #row(row) {
    const isShown = row.id === this.chat.session.conversation.id;
    const title = row.title || "New conversation";
    return html`
      <li class=${isShown ? "shown" : ""} data-conversation-id=${row.id}>
        <a href=${this.chat.api.pageOf(row.id)} aria-current=${isShown ? "page" : nothing} dir="auto">${title}</a>
        <button class="icon small" type="button" aria-label="Rename or delete ${title}"
          title="Rename or delete" aria-haspopup="dialog" @click=${() => this.#open(row)}>${ICONS.more}</button>
      </li>
    `;
  }

  /** @param {Row} row */
  #open(row) {
    this.dispatchEvent(new CustomEvent("conversation-menu", { bubbles: true, detail: row }));
  }

  /** @param {InputEvent} event */
  #input = (event) => {
    this.#search = /** @type {HTMLInputElement} */ (event.target).value.trim();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(""), TYPING_PAUSE_MILLISECONDS);
  };

  /** @param {string} before empty for the first page */
  async #load(before) {
    const load = ++this.#loads;
    try {
      const found = await this.chat.api.list(this.#search, before);
      if (load !== this.#loads) return;
      this.#take(found, before !== "");
    } catch (error) {
      if (load === this.#loads) this.#error = /** @type {Error} */ (error).message;
    }
    this.update();
  }

  /** @param {Rows} found @param {boolean} isMore whether they come after those that there are */
  #take({ conversations, next }, isMore) {
    const rows = isMore ? this.#rows : [];
    const known = new Set(rows.map(({ id }) => id)); // one that is shown stands first already
    this.#changedAt = rows.length;
    this.#rows = [...rows, ...conversations.filter(({ id }) => !known.has(id))];
    this.#next = next;
    this.#error = "";
  }

  /** @override to the row that stands where something changed */
  focusAfter() {
    const links = [...this.querySelectorAll("li a")];
    const place = links[this.#changedAt] ?? links.at(-1) ?? this.querySelector("input");
    if (place instanceof HTMLElement) place.focus();
  }

  /** What was said in last stands first. @param {string} id */
  raise(id) {
    const row = this.#rows.find((each) => each.id === id);
    if (!row || this.#search) return;
    this.#rows = [row, ...this.#rows.filter((each) => each !== row)];
    this.update();
  }

  /** @param {string} id @param {string} title */
  renamed(id, title) {
    this.#rows = this.#rows.map((row) => (row.id === id ? { ...row, title } : row));
    this.update();
  }

  /** @param {string} id */
  deleted(id) {
    this.#changedAt = this.#rows.findIndex((row) => row.id === id);
    this.#rows = this.#rows.filter((row) => row.id !== id);
    this.update();
  }
}

customElements.define("chat-sidebar", ChatSidebar);
