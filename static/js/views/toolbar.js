/** What can be done with an answer: choose among siblings, copy, rate, make it again. */

import { html, nothing } from "../../dist/lit.js";
import { copyFrom } from "../clipboard.js";
import { isLive, itemText } from "../state/transcript.js";
import { newestHead } from "../state/tree.js";
import { ICONS } from "./icons.js";

/** @typedef {import("../chat.js").Chat} Chat */
/** @typedef {import("../wire.js").Response} Response */

/**
 * @param {Chat} chat
 * @param {Response} response
 * @param {Response[]} siblings
 * @param {boolean} isLast
 */
export function toolbar(chat, response, siblings, isLast) {
  const text = answerText(response);
  const live = isLive(response);
  const canRepeat = isLast && !live;
  if (text === "" && siblings.length < 2 && !canRepeat) return nothing;
  return html`
    <div class="toolbar" role="group" aria-label="This answer">
      ${siblings.length > 1 ? switcher(chat, response, siblings) : nothing}
      ${text === "" || live ? nothing : copyButton(text)}
      ${text === "" ? nothing : html`<chat-feedback .chat=${chat} .response=${response}
        .feedback=${chat.feedbackOf(response)}></chat-feedback>`}
      ${!canRepeat ? nothing : html`<button class="icon small" type="button"
        aria-label="Answer again" title="Answer again"
        @click=${() => chat.regenerate(response)}>${ICONS.again}</button>`}
    </div>
  `;
}

/** @param {Response} response */
function answerText(response) {
  const messages = response.items.filter(
    ({ direction, type }) => direction === "output" && type === "message",
  );
  return messages.map(itemText).join("\n\n");
}

/** @param {string} text */
function copyButton(text) {
  const copy = (/** @type {Event} */ { currentTarget }) =>
    copyFrom(/** @type {Element} */ (currentTarget), text);
  return html`<button class="icon small copy" type="button" aria-label="Copy the answer"
    title="Copy the answer" @click=${copy}>${ICONS.copy}${ICONS.done}</button>`;
}

/** @param {Chat} chat @param {Response} response @param {Response[]} siblings */
function switcher(chat, response, siblings) {
  const at = siblings.indexOf(response);
  const show = (/** @type {number} */ index) =>
    chat.show(newestHead(chat.session.responses, siblings[index].id));
  return html`
    <span class="switcher">
      <button class="icon small" type="button" aria-label="Previous answer" ?disabled=${at === 0}
        @click=${() => show(at - 1)}>${ICONS.previous}</button>
      <span><span class="visually-hidden">Answer </span>${at + 1}/${siblings.length}</span>
      <button class="icon small" type="button" aria-label="Next answer"
        ?disabled=${at === siblings.length - 1} @click=${() => show(at + 1)}>${ICONS.next}</button>
    </span>
  `;
}
