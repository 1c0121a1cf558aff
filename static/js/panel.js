/**
 * The sidebar as a panel: beside the conversation where there is room, over it where there is not.
 * Over it, the conversation is inert, and Escape or a tap beside closes the panel. `theme.js` applies
 * what was chosen before the first paint.
 */

import { recall, remember } from "./storage.js";

const WIDE = matchMedia("(min-width: 50rem)");

export class Panel {
  #sidebar = element("#sidebar");
  #main = element("#main");
  #backdrop = element(".backdrop");
  #opener = element(".open-sidebar");
  #closer = element(".close-sidebar");
  #isOpen = WIDE.matches && recall("local", "sidebar") !== "closed";

  constructor() {
    this.#opener.addEventListener("click", () => this.#set(true, true));
    this.#closer.addEventListener("click", () => this.#set(false, true));
    this.#backdrop.addEventListener("click", () => this.#set(false, true));
    document.addEventListener("keydown", (event) => this.#escape(event));
    WIDE.addEventListener("change", () => {
      this.#set(WIDE.matches && recall("local", "sidebar") !== "closed", false);
    });
    this.#show();
  }

  /** @param {boolean} isOpen @param {boolean} isAsked whether a person asked for it */
  #set(isOpen, isAsked) {
    this.#isOpen = isOpen;
    this.#show();
    if (!isAsked) return;
    if (WIDE.matches) remember("local", "sidebar", isOpen ? null : "closed");
    (isOpen ? this.#closer : this.#opener).focus();
  }

  get #isOver() {
    return this.#isOpen && !WIDE.matches;
  }

  #show() {
    const isOver = this.#isOver;
    document.documentElement.dataset.sidebar = this.#isOpen ? "open" : "closed";
    this.#sidebar.inert = !this.#isOpen;
    this.#main.inert = isOver;
    this.#backdrop.hidden = !isOver;
    this.#opener.setAttribute("aria-expanded", String(this.#isOpen));
  }

  /** What is open goes first. @param {KeyboardEvent} event */
  #escape(event) {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    const menu = this.#sidebar.querySelector("details[open]");
    if (menu instanceof HTMLDetailsElement) closeMenu(menu);
    else if (this.#isOver) this.#set(false, true);
    else return;
    event.preventDefault();
  }
}

/** @param {HTMLDetailsElement} menu */
function closeMenu(menu) {
  menu.open = false;
  menu.querySelector("summary")?.focus();
}

/** @param {string} selector @returns {HTMLElement} */
function element(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`The page has no ${selector}`);
  return found;
}
