/** What was said and is not settled yet, when stops, ends and reloads come in between. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../static/js/session.js";
import * as say from "../../static/js/state/requests.js";
import { accepted, followed, give, running } from "./sessions.js";

/** @typedef {Record<string, any>} Json */

/** The first answer ends so. @param {Json[]} events @param {string} status @param {string} reason */
function ended(events, status, reason) {
  const end = /** @type {Json} */ (events.at(-1));
  const response = { ...end.response, status, incomplete_details: { reason } };
  return { ...end, type: status === "failed" ? "response.failed" : "response.incomplete", response };
}

/** @param {Session} session what its page leaves to the next */
function reloaded(session) {
  const next = new Session("conv_1", () => `next_${++ids}`);
  next.outbox.restore(JSON.parse(JSON.stringify(session.outbox.saved())));
  return next;
}

let ids = 0;

const ENDS = [["cancelled", "cancelled"], ["failed", ""], ["incomplete", "max_output_tokens"]];

for (const [status, reason] of ENDS) {
  test(`an accepted steer is given back when its response ends as ${status}`, () => {
    const { session, events } = running();
    const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
    give(session, [accepted(frame.event_id ?? ""), ...events.slice(5, -1), ended(events, status, reason)]);
    const [entry] = session.outbox.all("steer");
    assert.deepEqual([entry.state, entry.text, entry.error?.code], ["failed", "In French", "stopped"]);
  });

  test(`a steer whose acceptance is repeated after its response ended as ${status} is given back`, () => {
    const { session, service, events } = running();
    const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
    const log = /** @type {Json[]} */ (service.logs.get("resp_1"));
    log[log.length - 1] = ended(events, status, reason);
    const next = reloaded(session);
    const [again] = give(next, service.follow(next.opened()[0], () => Infinity));
    assert.equal(again, next.outbox.get(frame.event_id)?.frame);
    give(next, [accepted(frame.event_id ?? "")]);
    assert.equal(next.outbox.all("steer")[0].state, "failed");
  });
}

test("a steer waits on when its response was steered or has completed: its successor comes", () => {
  for (const [status, reason] of [["incomplete", "steered"], ["completed", ""]]) {
    const { session, events } = running();
    const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
    const end = status === "completed" ? events.at(-1) : ended(events, status, reason);
    give(session, [...events.slice(5, -1), /** @type {Json} */ (end), accepted(frame.event_id ?? "")]);
    assert.equal(session.outbox.all("steer")[0].state, "accepted");
  }
});

test("a stop, a judgement and an unwanted prompt that were said offline outlive a reload", () => {
  const { session, service } = running();
  session.closed();
  const live = /** @type {any} */ (session.live);
  say.cancel(session, live);
  say.rate(session, live, { rating: 1, tags: [], comment: "" });
  say.createFrame(session, { text: "Hi", model: "" });
  const [prompt] = session.outbox.all("prompt");
  say.cancelPrompt(session, prompt);
  const next = reloaded(session);
  const known = (/** @type {string} */ id) => (id === "resp_1" ? 5 : 0);
  const again = give(next, service.follow(next.opened()[0], known));
  assert.deepEqual(again.map(({ type }) => type), [
    "interject:cancel", "interject:feedback", "response.create", "interject:cancel",
  ]);
  const [stop] = give(next, service.answer("resp_2", { texts: [["x"]], eventId: prompt.id }).slice(0, 1));
  assert.deepEqual([stop.type, stop.response_id], ["interject:cancel", "resp_2"]);
});

test("what is said after a stop is prompted when the answer has ended", () => {
  const { session, service, events } = running();
  const live = /** @type {any} */ (session.live);
  say.cancel(session, live);
  assert.ok(session.isStopping(live));
  assert.deepEqual(say.promptAfter(session, live, { text: "Pears", model: "m" }), []);
  assert.equal(session.outbox.all("prompt")[0].state, "held");
  const [prompt] = give(session, [...events.slice(5, -1), ended(events, "cancelled", "cancelled")]);
  assert.deepEqual([prompt.type, prompt.input, prompt.model], ["response.create", "Pears", "m"]);
  assert.equal(session.outbox.all("prompt")[0].state, "waiting");
  give(session, service.answer("resp_2", { parent: "resp_1", texts: [["x"]], eventId: prompt.event_id }).slice(0, 1));
  assert.deepEqual(session.outbox.all("prompt"), []);
});

test("what is said after a stop waits for the successor that the stop hits", () => {
  const { session, service, events } = running();
  const live = /** @type {any} */ (session.live);
  say.cancel(session, live);
  say.promptAfter(session, live, { text: "Pears", model: "" });
  assert.deepEqual(give(session, [...events.slice(5, -1), ended(events, "incomplete", "steered")]), []);
  const next = service.answer("resp_2", { parent: "resp_1", texts: [["x"]], end: { status: "cancelled" } });
  assert.deepEqual(give(session, next.slice(0, -1)), []);
  assert.deepEqual(give(session, next.slice(-1)).map(({ input }) => input), ["Pears"]);
});

test("what is said after a stop is prompted by the next page, when this one is left", () => {
  const { session, service, events } = running();
  const live = /** @type {any} */ (session.live);
  say.cancel(session, live);
  say.promptAfter(session, live, { text: "Pears", model: "" });
  const next = reloaded(session);
  const log = /** @type {Json[]} */ (service.logs.get("resp_1"));
  log[log.length - 1] = ended(events, "cancelled", "cancelled");
  const again = give(next, service.follow(next.opened()[0], () => Infinity));
  assert.deepEqual(again.map(({ input }) => input), ["Pears"]);
});

/** A prompt that waits, of which the beginning is known. */
function waiting() {
  const { session } = running();
  const queued = { type: "interject:queued", conversation: "conv_1", target_event_id: "evt_x", position: 1, input: "The begin" };
  give(session, [queued]);
  const [frame] = say.dequeue(session, session.queued[0], "m");
  const gone = { type: "interject:dequeued", target_event_id: "evt_x", reason: "withdrawn" };
  return { session, frame, gone };
}

test("a withdrawn prompt is sent whole, never what was shown of it", () => {
  const { session, frame, gone } = waiting();
  assert.deepEqual(give(session, [gone]), [], "every follower hears of it first");
  const [prompt] = give(session, [{ ...gone, event_id: frame.event_id, input: "The beginning and the end" }]);
  assert.deepEqual([prompt.input, prompt.model], ["The beginning and the end", "m"]);
  assert.deepEqual(session.outbox.all("dequeue"), []);
});

test("a withdrawn prompt that does not come back whole is kept, and not sent", () => {
  const { session, frame, gone } = waiting();
  assert.deepEqual(give(session, [{ ...gone, event_id: frame.event_id, input: null }]), []);
  const [entry] = session.outbox.all("dequeue");
  assert.deepEqual([entry.state, entry.text], ["failed", "The begin"]);
  assert.equal(session.expecting, false);
});

test("a prompt that is sent again is sent to the model that is chosen by then", () => {
  const session = followed();
  const [frame] = say.createFrame(session, { text: "Hi", model: "none" });
  const error = { code: "model_not_found", message: "No such model." };
  give(session, [{ type: "error", event_id: frame.event_id, status: 400, error }]);
  const [again] = say.again(session, session.outbox.all("prompt")[0], "demo");
  assert.deepEqual([again.model, again.input], ["demo", "Hi"]);
});

test("what must outlive the page is written down when it changes, and not with every event", () => {
  const { session, events } = running();
  const before = session.outbox.revision;
  give(session, events.slice(5, 7));
  assert.equal(session.outbox.revision, before);
  say.createFrame(session, { text: "Hi", model: "" });
  assert.notEqual(session.outbox.revision, before);
});

test("a prompt that a stopping service refuses is said again to the one that comes after", () => {
  const session = followed();
  const [frame] = say.createFrame(session, { text: "Hello", model: "" });
  const error = { code: "shutting_down", message: "The service restarts.", type: "server_error", param: null };
  give(session, [{ type: "error", status: 503, event_id: frame.event_id, error }]);
  assert.equal(session.notice?.code, "shutting_down");
  assert.equal(session.outbox.get(frame.event_id)?.state, "waiting");
  session.closed();
  session.opened();
  assert.equal(session.notice, null);
});
