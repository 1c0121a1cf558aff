/** `<theme-toggle>`: light, dark, or as the system has it. `theme.js` applies the choice on load. */

import { html, render } from "../../dist/lit.js";
import { recall, remember } from "../storage.js";
import { ICONS } from "../views/icons.js";

/** @type {Record<string, {next: string, label: string, icon: unknown}>} */
const THEMES = {
  "": { next: "light", label: "Colours: as the system", icon: ICONS.system },
  light: { next: "dark", label: "Colours: light", icon: ICONS.light },
  dark: { next: "", label: "Colours: dark", icon: ICONS.dark },
};

export class ThemeToggle extends HTMLElement {
  #theme = recall("local", "theme") ?? "";

  connectedCallback() {
    this.#update();
  }

  #update() {
    const { next, label, icon } = THEMES[this.#theme] ?? THEMES[""];
    render(
      html`<button class="icon" type="button" aria-label=${label} title=${label}
        @click=${() => this.#choose(next)}>${icon}</button>`,
      this,
    );
  }

  /** @param {string} theme */
  #choose(theme) {
    this.#theme = theme;
    remember("local", "theme", theme);
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    this.#update();
  }
}

customElements.define("theme-toggle", ThemeToggle);
