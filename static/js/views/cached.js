/** That an answer was given before, in a line under it. */

import { html, nothing } from "../../dist/lit.js";

/** @typedef {import("../wire.js").Response} Response */

/** @param {Response} response */
export function cached({ cache }) {
  return cache === "hit" ? html`<p class="cached">From the cache</p>` : nothing;
}
