/**
 * The shapes of frames and of what they build, and the words in them. See docs/protocol.md.
 */

/**
 * @typedef {{type: string, event_id?: string, response_id?: string, sequence_number?: number,
 *   [field: string]: any}} Frame
 */

/** @typedef {{event_id?: string, event_ids?: string[]}} Origin */

/**
 * One piece of an item: text, a refusal, a summary of reasoning, or the arguments of a call.
 *
 * @typedef {{type: string, text: string}} Part
 */

/**
 * @typedef {{
 *   id: string, type: string, status: string, direction: "input" | "output", index: number,
 *   name: string, parts: Part[], source: any,
 * }} Item
 */

/**
 * One provider took over from another, before anything was said. `at`: in seconds of the epoch.
 *
 * @typedef {{from: string, to: string, reason: string, at: number}} Switch
 */

/**
 * @typedef {{
 *   id: string, parent: string | null, status: string, model: string, number: number,
 *   items: Item[], origin: Origin, revision: number,
 *   error: {code: string, message: string} | null, reason: string | null,
 *   usage: {output_tokens: number, [field: string]: any} | null,
 *   receipt: {[field: string]: any} | null, switches: Switch[],
 *   cache: string,
 * }} Response
 */

/** @typedef {{id: string, title: string, shown: string | null, queuePaused: boolean}} Conversation */
/** @typedef {{eventId: string, position: number, text: string}} Waiting */
/** @typedef {{rating: number, tags: string[], comment: string}} Feedback */

export const LIVE = new Set(["queued", "in_progress"]);

/** Events that end a response. */
export const TERMINAL = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

/**
 * The text of an `input`: a string, or a list of items.
 *
 * @param {any} input
 * @returns {string}
 */
export function inputText(input) {
  if (typeof input === "string") return input;
  if (!Array.isArray(input)) return "";
  return input.map((item) => contentText(item?.content)).filter(Boolean).join("\n\n");
}

/** Whether an item is so large that a snapshot has its beginning only. @param {any} item */
export function isCut(item) {
  return Boolean(item?.interject?.cut);
}

/** @param {any} content @returns {string} */
function contentText(content) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => part?.text ?? part?.refusal ?? "").join("");
}
