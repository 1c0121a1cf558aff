/**
 * Reads what viewers saw, a JSON line each, through the page's own session, and compares the texts
 * that it comes to with those that were kept.
 */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Session } from "../../static/js/session.js";
import { itemText } from "../../static/js/state/transcript.js";

/** @param {Session} session @param {string} id */
function textOf(session, id) {
  const items = session.responses.get(id)?.items ?? [];
  return items
    .filter((item) => item.direction === "output" && item.type === "message")
    .map(itemText)
    .join("");
}

let ids = 0;

/** @param {any} seen */
function replay({ conversation, steps }) {
  const session = new Session(conversation, () => `evt_${++ids}`);
  for (const step of steps) {
    if (step === "opened") session.opened();
    else if (step === "closed") session.closed();
    else session.receive(step, 100, 0);
  }
  return session;
}

let viewers = 0;
let wrong = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const seen = JSON.parse(line);
  const session = replay(seen);
  viewers++;
  for (const [id, text] of Object.entries(seen.texts)) {
    if (textOf(session, id) === text) continue;
    wrong++;
    console.log(`seed ${seen.seed}, ${id}: ${JSON.stringify(textOf(session, id))} != ${JSON.stringify(text)}`);
  }
}
console.log(`${viewers} viewers`);
process.exit(wrong ? 1 : 0);
