/** Who took over from whom, in a line under the answer. */

import { html, nothing } from "../../dist/lit.js";

/** @typedef {import("../wire.js").Response} Response */
/** @typedef {import("../wire.js").Switch} Switch */

/** @type {Record<string, string>} */
const REASONS = {
  rate_limit_exceeded: "had too many requests",
  upstream_unreachable: "could not be reached",
  upstream_timeout: "took too long",
};

/** @param {Response} response */
export function switched({ switches }) {
  const last = switches.at(-1);
  if (!last) return nothing;
  return html`<p class="switched"><bdi>${last.to}</bdi> took over: ${switches.map(why)}</p>`;
}

/** @param {Switch} one @param {number} place */
function why({ from, reason }, place) {
  return html`${place ? ", " : ""}<bdi>${from}</bdi> ${REASONS[reason] ?? "failed"}`;
}
