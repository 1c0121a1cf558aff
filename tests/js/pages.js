/**
 * Reads what pages saw, a JSON line each, through the page's own session, and answers each with a
 * line: what it shows of every response, by id.
 */

import { createInterface } from "node:readline";
import { replay, textOf } from "./replay.js";

for await (const line of createInterface({ input: process.stdin })) {
  const { conversation, steps } = JSON.parse(line);
  const session = replay(conversation, steps);
  const shown = [...session.responses].map(([id, { status, number }]) => [
    id,
    { text: textOf(session, id), status, number },
  ]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(shown))}\n`);
}
