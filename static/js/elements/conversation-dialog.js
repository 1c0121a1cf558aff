/** `<conversation-dialog>`: renames a conversation, or deletes it when asked twice. */

import { html, live, nothing, render } from "../../dist/lit.js";

/** @typedef {import("../api.js").Api} Api */
/** @typedef {import("../api.js").Row} Row */

const MAX_TITLE_CHARACTERS = 200;

export class ConversationDialog extends HTMLElement {
  /** @type {Api | null} */
  api = null;
  /** @type {Row | null} */
  #row = null;
  /** What was typed last: a refusal must not undo it. */
  #title = "";
  #isSure = false;
  #error = "";

  /** @param {Row} row */
  open(row) {
    this.#row = row;
    this.#title = row.title;
    this.#isSure = false;
    this.#error = "";
    this.#update();
    this.#dialog?.showModal();
    this.querySelector("input")?.select();
  }

  get #dialog() {
    return this.querySelector("dialog");
  }

  #update() {
    render(this.#template(), this);
  }

  #template() {
    return html`
      <dialog aria-labelledby="dialog-title">
        <h2 id="dialog-title">${this.#isSure ? "Delete this conversation?" : "Rename or delete"}</h2>
        ${this.#isSure ? this.#confirmation() : this.#form()}
        ${this.#error ? html`<p class="errors" role="alert">${this.#error}</p>` : nothing}
      </dialog>
    `;
  }

  #form() {
    return html`
      <form @submit=${this.#rename}>
        <label>Title <input name="title" required maxlength=${MAX_TITLE_CHARACTERS} autocomplete="off"
          dir="auto" .value=${live(this.#title)}></label>
        <p class="actions">
          <button class="primary" type="submit">Rename</button>
          <button class="danger" type="button" @click=${() => this.#ask()}>Delete…</button>
          <button class="quiet" type="button" @click=${() => this.#close()}>Cancel</button>
        </p>
      </form>
    `;
  }

  #confirmation() {
    return html`
      <p>“${this.#row?.title || "New conversation"}” and everything said in it will be gone for good.</p>
      <p class="actions">
        <button class="danger" type="button" @click=${() => this.#delete()}>Delete</button>
        <button class="quiet keep" type="button" @click=${() => this.#close()}>Keep it</button>
      </p>
    `;
  }

  #ask() {
    this.#isSure = true;
    this.#update();
    /** @type {HTMLElement | null} */ (this.querySelector(".keep"))?.focus();
  }

  #close() {
    this.#dialog?.close();
  }

  /** @param {SubmitEvent} event */
  #rename = async (event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const id = this.#row?.id ?? "";
    this.#title = String(form.get("title")).trim();
    await this.#do("renamed", async () => this.api?.rename(id, this.#title));
  };

  #delete() {
    const id = this.#row?.id ?? "";
    return this.#do("deleted", async () => this.api?.delete(id));
  }

  /** @param {"renamed" | "deleted"} what @param {() => Promise<any>} act */
  async #do(what, act) {
    try {
      const detail = { ...this.#row, ...(await act()) };
      this.#close();
      this.dispatchEvent(new CustomEvent(`conversation-${what}`, { bubbles: true, detail }));
    } catch (error) {
      this.#error = /** @type {Error} */ (error).message;
      this.#update();
    }
  }
}

customElements.define("conversation-dialog", ConversationDialog);
