/** Puts the page of a conversation together. */

import { Api } from "./api.js";
import { Chat } from "./chat.js";
import { ChatAnnouncer } from "./elements/chat-announcer.js";
import { ChatComposer } from "./elements/chat-composer.js";
import "./elements/chat-feedback.js";
import "./elements/chat-markdown.js";
import { ChatSidebar } from "./elements/chat-sidebar.js";
import { ChatStatus } from "./elements/chat-status.js";
import { ChatThread } from "./elements/chat-thread.js";
import { ConversationDialog } from "./elements/conversation-dialog.js";
import "./elements/theme-toggle.js";
import { Panel } from "./panel.js";
import { draftKey, remember } from "./storage.js";

/** @typedef {import("./api.js").Row} Row */

const page = JSON.parse(document.querySelector("#page-data")?.textContent ?? "{}");
const api = new Api(page.addresses);
const chat = new Chat(api, page);

const sidebar = /** @type {ChatSidebar} */ (find("chat-sidebar", ChatSidebar));
const thread = /** @type {ChatThread} */ (find("chat-thread", ChatThread));
const composer = /** @type {ChatComposer} */ (find("chat-composer", ChatComposer));
const dialog = /** @type {ConversationDialog} */ (find("conversation-dialog", ConversationDialog));
const announcer = find("chat-announcer", ChatAnnouncer);
const status = find("chat-status", ChatStatus);

new Panel(); // hears of Escape before the composer
dialog.api = api;
sidebar.list = page.conversations;
for (const element of [sidebar, thread, status, composer, announcer]) {
  /** @type {import("./elements/chat-element.js").ChatElement} */ (element).chat = chat;
}

chat.addEventListener("change", showTitle);
document.addEventListener("said", () => {
  thread.showEnd();
  sidebar.raise(chat.session.conversation.id);
});
document.addEventListener("focus-lost", () => composer.focusText());
document.addEventListener("conversation-menu", (event) => dialog.open(row(event)));
document.addEventListener("conversation-renamed", (event) => {
  const { id, title } = row(event);
  if (id === chat.session.conversation.id) chat.session.conversation.title = title;
  sidebar.renamed(id, title);
  showTitle();
});
document.addEventListener("conversation-deleted", (event) => {
  const { id } = row(event);
  remember("local", draftKey(chat.user, id), null);
  if (id === chat.session.conversation.id) location.assign(api.addresses.home);
  else sidebar.deleted(id);
});

chat.start();
composer.focusText();

function showTitle() {
  const title = chat.session.conversation.title || "New conversation";
  const heading = document.querySelector("#title");
  if (heading && heading.textContent !== title) heading.textContent = title;
  const name = `${title} · Interject`;
  if (document.title !== name) document.title = name;
}

/** @param {Event} event @returns {Row} */
function row(event) {
  return /** @type {CustomEvent<Row>} */ (event).detail;
}

/** @param {string} selector @param {typeof HTMLElement} type */
function find(selector, type) {
  const found = document.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`The page has no ${selector}`);
  return found;
}
