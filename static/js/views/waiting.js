/** The prompts that wait their turn, in order, above where one writes. */

import { html, nothing, repeat } from "../../dist/lit.js";
import { ICONS } from "./icons.js";

/** @typedef {import("../chat.js").Chat} Chat */
/** @typedef {import("../wire.js").Waiting} Waiting */

/** @param {Chat} chat */
export function waitingPrompts(chat) {
  const { queued, conversation, live } = chat.session;
  if (queued.length === 0) return nothing;
  const isPaused = conversation.queuePaused && !live;
  return html`
    <section class="waiting" aria-label="Waiting prompts">
      <h2>${isPaused ? "Paused" : "Waiting"} <span class="count">${queued.length}</span></h2>
      ${isPaused ? html`<p class="paused">You stopped the answer. These wait until you say something.</p>` : nothing}
      <ol>
        ${repeat(queued, ({ eventId }) => eventId, (waiting) => row(chat, waiting, isPaused))}
      </ol>
    </section>
  `;
}

/** @param {Chat} chat @param {Waiting} waiting @param {boolean} isPaused */
function row(chat, waiting, isPaused) {
  const isLeaving = chat.session.outbox.about("dequeue", waiting.eventId) !== undefined;
  return html`
    <li data-event-id=${waiting.eventId}>
      <span class="text" dir="auto">${waiting.text}</span>
      ${isPaused ? html`<button class="quiet small" type="button" ?disabled=${isLeaving}
        @click=${() => chat.dequeue(waiting, true)}>Send now</button>` : nothing}
      <button class="icon small remove" type="button" ?disabled=${isLeaving}
        aria-label="Remove: ${waiting.text.slice(0, 60)}" title="Remove"
        @click=${() => chat.dequeue(waiting)}>${ICONS.remove}</button>
    </li>
  `;
}
