/** One response with what it answers: a prompt or a steer, the answer, and how it ended. */

import { html, nothing, repeat } from "../../dist/lit.js";
import { isLive, itemText } from "../state/transcript.js";
import { inputText, isCut } from "../wire.js";
import { cached } from "./cached.js";
import { ending } from "./ending.js";
import { ICONS } from "./icons.js";
import { switched } from "./switched.js";
import { toolbar } from "./toolbar.js";

/** @typedef {import("../chat.js").Chat} Chat */
/** @typedef {import("../wire.js").Item} Item */
/** @typedef {import("../wire.js").Response} Response */
/** @typedef {import("../state/outbox.js").Entry} Entry */

/**
 * @param {Chat} chat
 * @param {Response} response
 * @param {{siblings: Response[], isLast: boolean, steers: Entry[]}} place
 */
export function turn(chat, response, { siblings, isLast, steers }) {
  const inputs = response.items.filter(({ direction }) => direction === "input");
  const outputs = response.items.filter(({ direction }) => direction === "output");
  return html`
    ${repeat(inputs, ({ id }) => id, (item) => input(chat, response, item))}
    <article class="answer ${isLive(response) ? "live" : ""}" data-response-id=${response.id}
      data-status=${response.status} aria-busy=${isLive(response)}>
      <h2 class="visually-hidden">Answer</h2>
      ${repeat(outputs, ({ id }) => id, (item) => output(response, item))}
      ${thinking(response, outputs)} ${switched(response)} ${cached(response)}
      ${ending(chat, response, isLast)}
      ${toolbar(chat, response, siblings, isLast)}
    </article>
    ${steers.map((entry) => unsettled(chat, entry))}
  `;
}

/** @param {Chat} chat @param {Response} response @param {Item} item */
function input(chat, response, item) {
  if (item.type !== "message") return call(item);
  const text = inputText([item.source]);
  const cut = isCut(item.source); // an edit would lose the rest
  return html`
    <article class="prompt" data-item-id=${item.id}>
      <h2 class="visually-hidden">You said</h2>
      <div class="bubble" dir="auto">${text}${cut ? html`<span class="cut">… ${lengthOf(item)}</span>` : nothing}</div>
      ${isLive(response) || cut ? nothing : html`<button class="icon small edit" type="button"
        aria-label="Edit and ask again" title="Edit and ask again"
        @click=${() => chat.edit(response)}>${ICONS.edit}</button>`}
    </article>
  `;
}

/** @param {Item} item */
function lengthOf({ source }) {
  const characters = source.interject.text_chars;
  return characters === undefined ? "" : `${characters.toLocaleString()} characters in all`;
}

/** @param {Response} response @param {Item} item */
function output(response, item) {
  const writing = isLive(response) && item.status === "in_progress";
  if (item.type === "reasoning") return thought(item, writing);
  if (item.type !== "message") return call(item);
  return html`<chat-markdown class="markdown" data-item-id=${item.id} .text=${itemText(item)}
    .live=${writing}></chat-markdown>`;
}

/** @param {Item} item @param {boolean} writing */
function thought(item, writing) {
  return html`
    <details class="thought">
      <summary>${writing ? html`Thinking<span class="dots" aria-hidden="true"></span>` : "Thought"}</summary>
      <chat-markdown class="markdown" data-item-id=${item.id} .text=${itemText(item)}
        .live=${writing}></chat-markdown>
    </details>
  `;
}

/** @param {Item} item */
function call(item) {
  const name = item.name || item.type.replaceAll("_", " ");
  return html`
    <details class="thought call" data-item-id=${item.id}>
      <summary>${name}</summary>
      <pre tabindex="0">${itemText(item)}</pre>
    </details>
  `;
}

/** @param {Response} response @param {Item[]} outputs */
function thinking(response, outputs) {
  if (!isLive(response) || outputs.some((item) => itemText(item) !== "")) return nothing;
  const label = response.status === "queued" ? "Waiting" : "Thinking";
  return html`<p class="thinking">${label}<span class="dots" aria-hidden="true"></span></p>`;
}

/**
 * What was said and is not part of a response yet, or was refused.
 *
 * @param {Chat} chat
 * @param {Entry} entry
 */
export function unsettled(chat, entry) {
  const text = entry.text || inputText(entry.frame.input);
  return html`
    <article class="prompt unsettled" data-event-id=${entry.id}
      data-state=${entry.state}>
      <h2 class="visually-hidden">You said</h2>
      <div class="bubble" dir="auto">${text}</div>
      ${entry.state === "failed" ? refused(chat, entry) : html`<p class="fate">${fate(chat, entry)}</p>`}
    </article>
  `;
}

/** @param {Chat} chat @param {Entry} entry */
function fate(chat, entry) {
  if (chat.session.removed) return "Not sent";
  if (!chat.session.ready) return "Goes out with the connection";
  if (entry.state === "held") return "Goes out when the answer has stopped";
  if (entry.kind === "prompt") return "Sending…";
  return entry.state === "accepted" ? "Steering…" : "Sending as a steer…";
}

/** @param {Chat} chat @param {Entry} entry */
function refused(chat, entry) {
  const { code = "", message = "" } = entry.error ?? {};
  return html`
    <p class="fate" role="alert"><strong>Not sent.</strong> ${message} <code>${code}</code></p>
    <p class="actions">
      ${entry.kind === "dequeue" ? nothing : html`<button class="quiet small" type="button"
        @click=${() => chat.sayAgain(entry)}>${entry.kind === "prompt" ? "Send again" : "Send as a prompt"}</button>`}
      <button class="quiet small" type="button" @click=${takeBack(chat, entry)}>Edit</button>
    </p>
  `;
}

/** @param {Chat} chat @param {Entry} entry */
function takeBack(chat, entry) {
  return (/** @type {Event} */ { currentTarget }) => {
    const detail = chat.takeBack(entry);
    /** @type {Element} */ (currentTarget).dispatchEvent(
      new CustomEvent("take-back", { bubbles: true, detail }),
    );
  };
}
