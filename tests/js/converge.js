/**
 * Reads what viewers saw, a JSON line each, through the page's own session, and compares the texts
 * that it comes to with those that were kept.
 */

import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { replay, textOf } from "./replay.js";

let viewers = 0;
let wrong = 0;
for await (const line of createInterface({ input: createReadStream(process.argv[2]) })) {
  const seen = JSON.parse(line);
  const session = replay(seen.conversation, seen.steps);
  viewers++;
  for (const [id, text] of Object.entries(seen.texts)) {
    if (textOf(session, id) === text) continue;
    wrong++;
    console.log(`seed ${seen.seed}, ${id}: ${JSON.stringify(textOf(session, id))} != ${JSON.stringify(text)}`);
  }
}
console.log(`${viewers} viewers`);
process.exit(wrong ? 1 : 0);
