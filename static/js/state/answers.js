/** What the frames mean that are not events of a response, and what to send in return. */

import { inputText } from "../wire.js";
import { createFrame, dequeue } from "./requests.js";
import { giveBackDropped, settleTaken, STOPPED } from "./settling.js";
import { placeItem, readItem, readResponse } from "./transcript.js";

/** @typedef {import("../wire.js").Frame} Frame */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {(session: Session, frame: Frame, now: number) => Frame[]} Answer */

const TYPING_SHOWN_MILLISECONDS = 4_000;
/** Codes of `response.steer.failed` that mean: too late to steer, so prompt. */
const TOO_LATE = new Set(["response_already_completed", "response_not_active"]);
/** Codes that the end of the connection explains better. */
const SILENT = new Set(["slow_consumer", "websocket_connection_limit_reached"]);
const GONE = new Set([403, 404]);

/** @type {Record<string, Answer>} */
export const ANSWERS = {
  "interject:snapshot": snapshot,
  "interject:followed": followed,
  "interject:cancelled": cancelled,
  "interject:feedback": keepFeedback,
  "interject:provider_switched": switched,
  "interject:queued": queued,
  "interject:dequeued": dequeued,
  "interject:typing": typing,
  "interject:title": title,
  "interject:removed": removed,
  "response.steer.accepted": steerAccepted,
  "response.steer.pending": () => [],
  "response.steer.failed": steerFailed,
  error: failed,
};

/** @type {Answer} */
function snapshot(session, frame) {
  const { conversation } = frame;
  session.conversation = {
    id: conversation.id,
    title: conversation.title ?? "",
    shown: conversation.shown ?? frame.responses.at(-1)?.id ?? null,
    queuePaused: Boolean(conversation.queue_paused),
  };
  session.follower.reset();
  session.responses.clear();
  for (const wire of frame.responses) addResponse(session, wire);
  for (const item of frame.items) {
    const response = session.responses.get(item.response_id);
    if (response) placeItem(response, readItem(item, item.direction));
  }
  session.feedback.clear();
  for (const feedback of frame.feedback ?? []) keepFeedback(session, feedback, 0);
  if (session.chosen && !session.responses.has(session.chosen)) session.chosen = null;
  for (const response of session.responses.values()) settleTaken(session, response);
  return followed(session, frame, 0);
}

/** @param {Session} session @param {any} wire */
function addResponse(session, wire) {
  const response = readResponse(wire);
  session.responses.set(response.id, response);
  session.follower.start(response.id, response.number);
}

/** @type {Answer} */
function followed(session, frame) {
  session.ready = true;
  session.queued = (frame.queued ?? []).map((/** @type {any} */ waiting) => ({
    eventId: waiting.event_id,
    position: waiting.position,
    text: inputText(waiting.input),
  }));
  for (const { eventId } of session.queued) session.outbox.settle(eventId);
  session.release(); // before all that waits is said again
  return session.outbox.again();
}

/** @type {Answer} */
function cancelled(session, frame) {
  const entry = session.outbox.get(frame.event_id);
  const id = frame.response_id ?? "";
  session.outbox.settle((entry ?? session.outbox.about("cancel", id))?.id);
  const response = session.responses.get(id);
  if (!response) return [];
  response.receipt = frame.receipt;
  response.revision++;
  return [];
}

/** A snapshot may have told of it before. @type {Answer} */
function switched(session, { response_id: id = "", from, to, reason, at }) {
  const response = session.responses.get(id);
  if (!response || response.switches.some((known) => known.at === at)) return [];
  response.switches = [...response.switches, { from, to, reason, at }];
  response.revision++;
  return [];
}

/** @type {Answer} */
function keepFeedback(session, frame) {
  session.outbox.settle(frame.event_id);
  if (frame.item_id || !frame.response_id) return [];
  const { rating, tags = [], comment = "" } = frame;
  session.feedback.set(frame.response_id, { rating, tags, comment });
  return [];
}

/** @type {Answer} */
function queued(session, frame) {
  const eventId = frame.target_event_id;
  const known = session.queued.find((waiting) => waiting.eventId === eventId);
  session.outbox.settle(eventId);
  const waiting = { eventId, position: frame.position, text: inputText(frame.input) };
  session.queued = session.queued.filter((other) => other !== known);
  session.queued.push(waiting);
  session.queued.sort((one, other) => one.position - other.position);
  return session.outbox.isUnwanted(eventId) ? dequeue(session, waiting) : [];
}

/** @type {Answer} */
function dequeued(session, frame) {
  const eventId = frame.target_event_id;
  session.queued = session.queued.filter((waiting) => waiting.eventId !== eventId);
  session.outbox.settle(eventId);
  const withdrawal = session.outbox.about("dequeue", eventId);
  if (withdrawal?.sendAfter && frame.reason !== "started") return sendWithdrawn(session, withdrawal, frame);
  session.outbox.settle(withdrawal?.id);
  return [];
}

/**
 * What was shown of a waiting prompt may be its beginning only: the whole of it comes with the answer
 * to the withdrawal, after the word that all followers get.
 *
 * @param {Session} session
 * @param {Entry} withdrawal
 * @param {Frame} frame
 */
function sendWithdrawn(session, withdrawal, frame) {
  const { input } = frame;
  if (typeof input === "string") {
    session.outbox.settle(withdrawal.id);
    return createFrame(session, { text: input, model: withdrawal.model });
  }
  if (frame.event_id === withdrawal.id) session.outbox.fail(withdrawal, CUT);
  return [];
}

const CUT = { code: "text_incomplete", message: "Only the beginning of this came back." };

/** @type {Answer} */
function typing(session, frame, now) {
  session.typing = { user: frame.user ?? "", until: now + TYPING_SHOWN_MILLISECONDS };
  return [];
}

/** @type {Answer} */
function title(session, frame) {
  session.conversation.title = frame.title;
  return [];
}

/** @type {Answer} */
function removed(session) {
  session.removed = true;
  session.closed();
  return [];
}

/** @type {Answer} */
function steerAccepted(session, frame) {
  const entry = session.outbox.get(frame.event_id);
  if (!entry) return [];
  const { id = "", previous_response_id: target = entry.target } = frame.steer ?? {};
  session.outbox.accept(entry, id, target);
  for (const response of session.responses.values()) {
    if (response.parent === entry.target) settleTaken(session, response);
  }
  giveBackDropped(session, entry);
  return [];
}

/** @type {Answer} */
function steerFailed(session, frame) {
  const entry = session.outbox.get(frame.event_id) ?? steerOf(session, frame.steer);
  if (!entry) return [];
  const stopped = session.responses.get(entry.target)?.status === "cancelled";
  if (!TOO_LATE.has(frame.error?.code)) session.outbox.fail(entry, frame.error);
  else if (stopped) session.outbox.fail(entry, STOPPED);
  else {
    session.outbox.settle(entry.id);
    return createFrame(session, entry);
  }
  return [];
}

/** @param {Session} session @param {any} steer @returns {Entry | undefined} */
function steerOf(session, steer) {
  const text = inputText(steer?.input);
  return session.outbox.all("steer").find(
    (entry) => (entry.steerId && entry.steerId === steer?.id) || entry.text === text,
  );
}

/** @type {Answer} */
function failed(session, frame) {
  const error = { code: frame.error?.code ?? "error", message: frame.error?.message ?? "" };
  if (frame.event_id && frame.event_id === session.followId) return followFailed(session, frame);
  const entry = session.outbox.get(frame.event_id);
  if (error.code === SHUTTING_DOWN && entry) return postponed(session);
  if (entry && KEEP_TEXT.has(entry.kind)) session.outbox.fail(entry, error);
  else if (entry) session.outbox.settle(entry.id);
  if (!entry || entry.kind === "feedback") {
    session.notice = SILENT.has(error.code) ? session.notice : error;
  }
  return [];
}

const SHUTTING_DOWN = "shutting_down";

/** What was said stays in the outbox, and is said again on the next connection. @param {Session} session */
function postponed(session) {
  session.notice = { code: SHUTTING_DOWN, message: "The service restarts. This is sent when it is back." };
  return [];
}

const KEEP_TEXT = new Set(["prompt", "steer"]);

/** @param {Session} session @param {Frame} frame @returns {Frame[]} */
function followFailed(session, frame) {
  if (GONE.has(frame.status) || /not_found/.test(frame.error?.code ?? "")) session.removed = true;
  else session.broken = true;
  return [];
}
