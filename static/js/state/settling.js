/** What a response shows to be done: prompts and steers that it took up or left, cancels that it obeyed. */

import { inputText } from "../wire.js";
import { isLive } from "./transcript.js";

/** @typedef {import("../wire.js").Response} Response */
/** @typedef {import("../session.js").Session} Session */
/** @typedef {import("./outbox.js").Entry} Entry */

/**
 * @param {Session} session
 * @param {Response} response as it stands
 */
export function settleTaken(session, response) {
  const { outbox } = session;
  const { event_id: prompt = "", event_ids: steers = [] } = response.origin;
  const taken = new Set([prompt, ...steers]);
  for (const id of taken) outbox.settle(id);
  session.queued = session.queued.filter(({ eventId }) => !taken.has(eventId));
  settleSteers(session, response);
  if (isLive(response)) return;
  for (const steer of outbox.all("steer")) if (steer.target === response.id) giveBackDropped(session, steer);
  for (const target of [response.id, ...taken]) outbox.settle(outbox.about("cancel", target)?.id);
}

/**
 * The successor of a steered response begins with the steers, in order.
 *
 * @param {Session} session
 * @param {Response} response
 */
function settleSteers({ outbox }, response) {
  const inputs = response.items.filter(({ direction }) => direction === "input");
  const texts = inputs.map(({ source }) => inputText([source]));
  for (const steer of outbox.all("steer")) {
    const at = texts.indexOf(steer.text);
    if (steer.target !== response.parent || at < 0) continue;
    outbox.settle(steer.id);
    texts.splice(at, 1);
  }
}

export const STOPPED = { code: "stopped", message: "The answer ended before it took this up." };

/**
 * A steer is taken up by the successor of a response that was steered or has completed, and dropped
 * with any other end. Its own connection hears of that; a page that was loaded since does not.
 *
 * @param {Session} session
 * @param {Entry} steer
 */
export function giveBackDropped({ outbox, responses }, steer) {
  const response = responses.get(steer.target);
  if (steer.state !== "accepted" || !response || isLive(response)) return;
  if (response.status !== "completed" && response.reason !== "steered") outbox.fail(steer, STOPPED);
}
