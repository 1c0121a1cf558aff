/**
 * Folds the events of a response into its items: the twin of `chat.protocol.transcript`. Pure, but
 * for the records that it is given. Order, duplicates and gaps are the follower's.
 */

import { LIVE, TERMINAL } from "../wire.js";

/** @typedef {import("../wire.js").Frame} Frame */
/** @typedef {import("../wire.js").Item} Item */
/** @typedef {import("../wire.js").Part} Part */
/** @typedef {import("../wire.js").Response} Response */

/**
 * A response from a response object of the wire.
 *
 * @param {any} wire
 * @returns {Response}
 */
export function readResponse(wire) {
  /** @type {Response} */
  const response = {
    id: wire.id,
    parent: wire.previous_response_id ?? null,
    status: "",
    model: wire.model ?? "",
    number: wire.sequence_number ?? 0,
    items: [],
    origin: {},
    revision: 0,
    error: null,
    reason: null,
    usage: null,
    receipt: null,
    switches: [],
    cache: "",
  };
  updateResponse(response, wire);
  for (const item of wire.interject?.input ?? []) placeItem(response, readItem(item, "input"));
  return response;
}

/** @param {Response} response @param {any} wire */
function updateResponse(response, wire) {
  response.status = wire.status ?? response.status;
  response.error = wire.error ?? null;
  response.reason = wire.incomplete_details?.reason ?? null;
  response.usage = wire.usage ?? response.usage;
  response.origin = wire.interject ?? response.origin;
  response.receipt = wire.interject?.receipt ?? response.receipt;
  response.switches = wire.interject?.switches ?? response.switches;
  response.cache = wire.interject?.cache ?? response.cache;
}

/**
 * @param {any} wire
 * @param {"input" | "output"} direction
 * @param {number} [index]
 * @returns {Item}
 */
export function readItem(wire, direction, index = wire.output_index ?? 0) {
  return {
    id: wire.id,
    type: wire.type ?? "message",
    status: wire.status ?? "completed",
    direction,
    index,
    name: wire.name ?? "",
    parts: readParts(wire),
    source: wire,
  };
}

/** @param {any} wire @returns {Part[]} */
function readParts(wire) {
  if (typeof wire.content === "string") return [{ type: "text", text: wire.content }];
  if (wire.type === "reasoning") return [...(wire.summary ?? []), ...(wire.content ?? [])].map(readPart);
  if (wire.type === "function_call") return [{ type: "arguments", text: wire.arguments ?? "" }];
  if (wire.type === "function_call_output") return [{ type: "output", text: asText(wire.output) }];
  return (wire.content ?? []).map(readPart);
}

/** @param {any} part @returns {Part} */
function readPart(part) {
  return { type: part.type, text: part.text ?? part.refusal ?? "" };
}

/** @param {unknown} value */
function asText(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}

/**
 * Puts an item into its place: input before output, each by index; a known item is replaced.
 *
 * @param {Response} response
 * @param {Item} item
 */
export function placeItem(response, item) {
  const known = response.items.findIndex((other) => other.id === item.id);
  if (known >= 0) response.items[known] = item;
  else response.items.push(item);
  const rank = (/** @type {Item} */ { direction }) => (direction === "input" ? 0 : 1);
  response.items.sort((one, two) => rank(one) - rank(two) || one.index - two.index);
}

/**
 * Applies the next event of a response.
 *
 * @param {Response} response
 * @param {Frame} event
 */
export function applyEvent(response, event) {
  response.revision++;
  response.number = event.sequence_number ?? response.number;
  if (event.response && typeof event.response === "object") updateResponse(response, event.response);
  const apply = EVENTS[event.type];
  if (apply) apply(response, event);
  else if (TERMINAL.has(event.type)) closeItems(response);
}

/** @param {Response} response */
function closeItems(response) {
  for (const item of response.items) {
    if (item.status === "in_progress") item.status = "incomplete";
  }
}

/** @type {Record<string, (response: Response, event: Frame) => void>} */
const EVENTS = {
  "response.output_item.added": placeOutput,
  "response.output_item.done": placeOutput,
  "response.content_part.added": openPart("content_index"),
  "response.output_text.delta": appendTo("content_index", "output_text"),
  "response.output_text.done": close("content_index", "output_text", "text"),
  "response.refusal.delta": appendTo("content_index", "refusal"),
  "response.refusal.done": close("content_index", "refusal", "refusal"),
  "response.reasoning_summary_part.added": openPart("summary_index"),
  "response.reasoning_summary_text.delta": appendTo("summary_index", "summary_text"),
  "response.reasoning_summary_text.done": close("summary_index", "summary_text", "text"),
  "response.function_call_arguments.delta": appendTo("", "arguments"),
  "response.function_call_arguments.done": close("", "arguments", "arguments"),
};

/** @param {Response} response @param {Frame} event */
function placeOutput(response, event) {
  placeItem(response, readItem(event.item, "output", event.output_index));
}

/** @param {string} indexField */
function openPart(indexField) {
  return (/** @type {Response} */ response, /** @type {Frame} */ event) => {
    const part = readPart(event.part);
    Object.assign(partAt(response, event, indexField, part.type) ?? {}, part);
  };
}

/** @param {string} indexField @param {string} type */
function appendTo(indexField, type) {
  return (/** @type {Response} */ response, /** @type {Frame} */ event) => {
    const part = partAt(response, event, indexField, type);
    if (part) part.text += event.delta;
  };
}

/** @param {string} indexField @param {string} type @param {string} textField */
function close(indexField, type, textField) {
  return (/** @type {Response} */ response, /** @type {Frame} */ event) => {
    const part = partAt(response, event, indexField, type);
    if (part && typeof event[textField] === "string") part.text = event[textField];
  };
}

/**
 * @param {Response} response
 * @param {Frame} event
 * @param {string} indexField
 * @param {string} type of the part, where it is new
 * @returns {Part | undefined}
 */
function partAt(response, event, indexField, type) {
  const item = response.items.find(({ id }) => id === event.item_id);
  if (!item) return undefined;
  const index = event[indexField] ?? 0;
  while (item.parts.length <= index) item.parts.push({ type, text: "" });
  return item.parts[index];
}

/** @param {Response | undefined} response */
export function isLive(response) {
  return response !== undefined && LIVE.has(response.status);
}

/**
 * The text of an item as it was written: its parts, one after another.
 *
 * @param {Item} item
 */
export function itemText(item) {
  return item.parts.map((part) => part.text).join("");
}
