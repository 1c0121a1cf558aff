/**
 * What a person may do. Every function returns the frames to send now; they stay in the outbox until
 * the server has answered them.
 */

import { isCut } from "../wire.js";
import { isLive } from "./transcript.js";

/** @typedef {import("../wire.js").Frame} Frame */
/** @typedef {import("../wire.js").Feedback} Feedback */
/** @typedef {import("../wire.js").Response} Response */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("./outbox.js").Kind} Kind */
/** @typedef {import("./outbox.js").Entry} Entry */

/**
 * @typedef {{text: string, model: string, input?: any, parent?: string | null, after?: string,
 *   afresh?: boolean}} Prompt
 *   `input` where it is more than the text; `parent`: the response to answer after, null to start
 *   anew, undefined for the end of the branch that is shown; `after`: the response whose end it is
 *   held for; `afresh`: an answer that was given before is not wanted
 */

/**
 * Prompts: runs at once, or waits its turn when the conversation is busy.
 *
 * @param {Session} session
 * @param {Prompt} prompt
 * @returns {Frame[]}
 */
export function createFrame(session, { text, model, input = text, parent = branchedFrom(session), after = "", afresh = false }) {
  /** @type {Frame & {event_id: string}} */
  const frame = { type: "response.create", event_id: session.newId(), input };
  if (model) frame.model = model;
  if (parent) frame.previous_response_id = parent;
  else frame.conversation = session.conversation.id;
  if (parent === null) frame.interject = { root: true };
  if (afresh) frame.interject = { ...frame.interject, cache: false };
  return say(session, "prompt", frame, { text, model, target: parent ?? "", after, state: after ? "held" : "waiting" });
}

/**
 * Prompts when a response that is being stopped has ended: said before, it would wait in the queue,
 * which the stop pauses.
 *
 * @param {Session} session
 * @param {Response} response that is being stopped
 * @param {Prompt} prompt
 */
export function promptAfter(session, response, { text, model }) {
  const parent = session.chosen ? response.id : undefined;
  return createFrame(session, { text, model, parent, after: response.id });
}

/**
 * Where the page shows another branch than the server's, its end must be named.
 *
 * @param {Session} session
 */
function branchedFrom(session) {
  const head = session.responses.get(session.chosen ?? "");
  return head && !isLive(head) ? head.id : undefined;
}

/**
 * @param {Session} session
 * @param {Response} response that is being written
 * @param {Prompt} prompt that it becomes when it comes too late
 */
export function steer(session, response, { text, model }) {
  const frame = {
    type: "response.steer",
    event_id: session.newId(),
    previous_response_id: response.id,
    input: text,
  };
  return say(session, "steer", frame, { text, model, target: response.id });
}

/**
 * Answers the same input once more, beside the answer that there is.
 *
 * @param {Session} session
 * @param {Response} response
 * @param {string} model
 */
export function regenerate(session, response, model) {
  const items = response.items.filter(({ direction }) => direction === "input");
  const input = items.map(({ source }) => (isCut(source) ? reference(source) : bare(source)));
  return createFrame(session, { text: "", input, model, parent: response.parent, afresh: true });
}

/** @param {any} item of which the beginning is known only */
function reference({ id }) {
  return { type: "item_reference", id };
}

/** An item as a client may say it. @param {any} item */
function bare({ id: _id, status: _status, response_id: _response, direction: _direction, output_index: _index, ...fields }) {
  return fields;
}

/** @param {Session} session @param {Response} response */
export function cancel(session, response) {
  if (session.outbox.about("cancel", response.id)) return [];
  const frame = {
    type: "interject:cancel",
    event_id: session.newId(),
    response_id: response.id,
  };
  return say(session, "cancel", frame, { target: response.id });
}

/**
 * Stops a prompt that the server has not answered yet. The stop may overtake it, and find nothing:
 * then what it begins is stopped.
 *
 * @param {Session} session
 * @param {Entry} prompt
 */
export function cancelPrompt(session, prompt) {
  session.outbox.disown(prompt.id);
  if (session.outbox.about("cancel", prompt.id)) return [];
  const frame = {
    type: "interject:cancel",
    event_id: session.newId(),
    target_event_id: prompt.id,
  };
  return say(session, "cancel", frame, { target: prompt.id });
}

/**
 * Takes a waiting prompt back; with a model, to prompt with it at once.
 *
 * @param {Session} session
 * @param {{eventId: string, text: string}} waiting
 * @param {string} [model]
 */
export function dequeue(session, { eventId, text }, model) {
  if (session.outbox.about("dequeue", eventId)) return [];
  const frame = {
    type: "interject:dequeue",
    event_id: session.newId(),
    target_event_id: eventId,
  };
  const sendAfter = model !== undefined;
  return say(session, "dequeue", frame, { text, model: model ?? "", target: eventId, sendAfter });
}

/** @param {Session} session @param {Response} response @param {Feedback} feedback */
export function rate(session, response, feedback) {
  const frame = {
    type: "interject:feedback",
    event_id: session.newId(),
    response_id: response.id,
    ...feedback,
  };
  session.outbox.settle(session.outbox.about("feedback", response.id)?.id);
  return say(session, "feedback", frame, { target: response.id });
}

/**
 * Tries a prompt or a steer again that was refused, as a prompt.
 *
 * @param {Session} session
 * @param {Entry} entry
 * @param {string} model the one that is chosen now: the other may be what was refused
 */
export function again(session, entry, model) {
  session.outbox.settle(entry.id);
  const { input, interject } = entry.frame;
  const branch = entry.kind === "prompt" && entry.target ? entry.target : undefined;
  const parent = interject?.root ? null : branch;
  const afresh = interject?.cache === false;
  return createFrame(session, { text: entry.text, model, input, parent, afresh });
}

/** @param {Session} session @returns {Frame[]} */
export function typing(session) {
  const conversation = session.conversation.id;
  return session.ready && conversation ? [{ type: "interject:typing", conversation }] : [];
}

/**
 * @param {Session} session
 * @param {Kind} kind
 * @param {Frame & {event_id: string}} frame
 * @param {Partial<Entry>} details
 * @returns {Frame[]} nothing while the state is not known, or it is held: it is said afterwards
 */
function say(session, kind, frame, details) {
  const { state } = session.outbox.add(kind, frame, details);
  return session.ready && state !== "held" ? [frame] : [];
}
