/** Sessions as tests need them, and what is said to them. */

import { Session } from "../../static/js/session.js";
import { Service } from "./service.js";

/** @typedef {Record<string, any>} Json */

export function counter() {
  let last = 0;
  return () => `evt_${++last}`;
}

/** @param {Session} session @param {Json[]} frames */
export function give(session, frames) {
  return frames.flatMap((frame) => session.receive(/** @type {any} */ (frame), 100, 0));
}

/** A conversation without a response. */
export function followed() {
  const session = new Session("conv_1", counter());
  give(session, new Service().follow(session.opened()[0], () => 0));
  return session;
}

/** A conversation whose first answer is being written. */
export function running() {
  const session = followed();
  const service = new Service();
  const events = service.answer("resp_1", { texts: [["He", "llo"]] });
  give(session, events.slice(0, 5));
  return { session, service, events };
}

/** @param {string} id @param {Json} [more] */
export function accepted(id, more = {}) {
  return { type: "response.steer.accepted", event_id: id, steer: { id: "steer_1", previous_response_id: "resp_1" }, ...more };
}
