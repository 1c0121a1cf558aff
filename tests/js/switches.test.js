import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../static/js/session.js";
import { Service } from "./service.js";
import { counter, give } from "./sessions.js";

const SWITCH = { from: "first", to: "second", reason: "rate_limit_exceeded", at: 1790000000.5 };
const FRAME = { type: "interject:provider_switched", response_id: "resp_1", sequence_number: 1, ...SWITCH };

/** A session that has seen the beginning of a response, and what is to come of it. */
function begun() {
  const service = new Service();
  const events = service.answer("resp_1", { texts: [["One ", "two"]] });
  const session = new Session("conv_1", counter());
  give(session, service.follow(session.opened()[0], () => 0));
  give(session, events.slice(0, 2));
  return { service, session, rest: events.slice(2) };
}

/** @param {Session} session */
const shown = (session) => session.responses.get("resp_1")?.switches;

test("a switch is shown once, however often it is told of", () => {
  const { session, rest } = begun();
  give(session, [FRAME, FRAME]);
  assert.deepEqual(shown(session), [SWITCH]);
  const end = rest[rest.length - 1];
  end.response = { ...end.response, interject: { switches: [SWITCH] } };
  give(session, rest);
  assert.deepEqual(shown(session), [SWITCH]);
});

test("a switch that was not heard of is shown at the end", () => {
  const { session, rest } = begun();
  const end = rest[rest.length - 1];
  end.response = { ...end.response, interject: { switches: [SWITCH] } };
  give(session, rest);
  assert.deepEqual(shown(session), [SWITCH]);
});

test("a page that is loaded again knows of it, and moves no cursor by it", () => {
  const { service, session, rest } = begun();
  const { number } = session.responses.get("resp_1") ?? {};
  give(session, [FRAME]);
  assert.equal(session.responses.get("resp_1")?.number, number);
  const later = new Session("conv_1", counter());
  const [snapshot] = service.follow(later.opened()[0], () => 2);
  snapshot.responses[0].interject.switches = [SWITCH];
  give(later, [snapshot, FRAME, ...rest]);
  assert.deepEqual(shown(later), [SWITCH]);
});

test("a switch of a response that is not shown is nothing", () => {
  const { session } = begun();
  give(session, [{ ...FRAME, response_id: "resp_9" }]);
  assert.deepEqual(shown(session), []);
});
