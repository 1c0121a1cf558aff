/** How an answer ended, when not as it should: said in its place, with what can be done. */

import { html, nothing } from "../../dist/lit.js";
import { isLive } from "../state/transcript.js";

/** @typedef {import("../chat.js").Chat} Chat */
/** @typedef {import("../wire.js").Response} Response */

/** @type {Record<string, string>} */
const REASONS = {
  max_output_tokens: "The answer reached its length limit.",
  content_filter: "The model's content filter ended the answer.",
  interrupted: "The answer was interrupted.",
};

/**
 * @param {Chat} chat
 * @param {Response} response
 * @param {boolean} isLast whether the conversation ends here
 */
export function ending(chat, response, isLast) {
  const isStopping = chat.session.isStopping(response);
  if (isLive(response)) return isStopping ? html`<p class="ending">Stopping…</p>` : nothing;
  if (response.status === "completed") return nothing;
  if (response.reason === "steered") return html`<p class="ending steered">Steered</p>`;
  const goOn = isLast ? actions(chat, response) : nothing;
  if (response.status === "cancelled") {
    return html`<p class="ending stopped">${stopped(response)}</p>${goOn}`;
  }
  return html`
    <div class="ending failed" role=${isLast ? "alert" : nothing}>
      <p>${response.error?.message || REASONS[response.reason ?? ""] || "The answer ended early."}</p>
      <p class="error-code"><code>${response.error?.code ?? response.reason ?? response.status}</code></p>
    </div>
    ${goOn}
  `;
}

/** @param {Response} response */
function stopped({ receipt, usage }) {
  const tokens = (receipt?.usage ?? usage)?.output_tokens;
  if (tokens === undefined) return "Stopped";
  return `Stopped after ${tokens.toLocaleString()} ${tokens === 1 ? "token" : "tokens"}`;
}

/** @param {Chat} chat @param {Response} response */
function actions(chat, response) {
  const said = response.items.some(({ direction }) => direction === "output");
  return html`
    <p class="actions">
      ${said ? html`<button class="quiet small continue" type="button"
        @click=${() => chat.continue()}>Continue</button>` : nothing}
      <button class="quiet small" type="button" @click=${() => chat.regenerate(response)}>Try again</button>
    </p>
  `;
}
