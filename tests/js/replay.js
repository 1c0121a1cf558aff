/** What viewers saw, read by the page's own session. */

import { Session } from "../../static/js/session.js";
import { itemText } from "../../static/js/state/transcript.js";

let ids = 0;

/**
 * @param {string} conversation
 * @param {any[]} steps frames, and "opened" and "closed" where its connections were
 */
export function replay(conversation, steps) {
  const session = new Session(conversation, () => `evt_${++ids}`);
  for (const step of steps) {
    if (step === "opened") session.opened();
    else if (step === "closed") session.closed();
    else session.receive(step, 100, 0);
  }
  return session;
}

/** The text of a response's messages. @param {Session} session @param {string} id */
export function textOf(session, id) {
  const items = session.responses.get(id)?.items ?? [];
  return items
    .filter((item) => item.direction === "output" && item.type === "message")
    .map(itemText)
    .join("");
}
