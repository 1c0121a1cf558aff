/** What is said in a session: on its way, settled, given back, and said again. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as say from "../../static/js/state/requests.js";
import { Service } from "./service.js";
import { accepted, followed, give, running } from "./sessions.js";

/** @typedef {Record<string, any>} Json */

/** @param {string} id @param {string} code @param {string} input */
function refused(id, code, input) {
  const steer = { id: "steer_1", previous_response_id: "resp_1", input };
  return { type: "response.steer.failed", event_id: id, error: { code, message: "Too late." }, steer };
}

test("a prompt is on its way until its response begins", () => {
  const session = followed();
  const [frame] = say.createFrame(session, { text: "Hi", model: "demo" });
  assert.deepEqual(frame, { type: "response.create", event_id: "evt_2", input: "Hi", model: "demo", conversation: "conv_1" });
  assert.ok(session.busy);
  give(session, new Service().answer("resp_9", { texts: [["x"]], eventId: "evt_2" }).slice(0, 1));
  assert.deepEqual(session.outbox.all("prompt"), []);
  assert.equal(session.live?.id, "resp_9");
});

test("what is said without a connection is said with the next one, under the same event_id", () => {
  const session = followed();
  const [sent] = say.createFrame(session, { text: "One", model: "" });
  session.closed();
  assert.deepEqual(say.createFrame(session, { text: "Two", model: "" }), []);
  const [follow] = session.opened();
  assert.equal(follow.type, "interject:follow");
  const again = give(session, [{ type: "interject:followed", queued: [] }]);
  assert.deepEqual(again.map((frame) => frame.input), ["One", "Two"]);
  assert.equal(again[0], sent);
});

test("a snapshot settles what it shows to be done", () => {
  const session = followed();
  say.createFrame(session, { text: "One", model: "" });
  say.createFrame(session, { text: "Two", model: "" });
  const service = new Service();
  service.answer("resp_1", { texts: [["x"]], eventId: "evt_2" });
  service.queued = [{ event_id: "evt_3", position: 1, input: "Two" }];
  session.closed();
  assert.deepEqual(give(session, [service.snapshot("", () => 3)]), []);
  assert.deepEqual(session.queued.map(({ text }) => text), ["Two"]);
});

test("a steer stays until its successor has taken it up", () => {
  const { session, service } = running();
  const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
  give(session, [accepted(frame.event_id ?? "")]);
  assert.equal(session.outbox.all("steer")[0].state, "accepted");
  give(session, service.answer("resp_2", { parent: "resp_1", prompt: "In French", texts: [["Bon"]] }).slice(0, 1));
  assert.deepEqual(session.outbox.all("steer"), []);
});

test("a successor that comes before the word of acceptance settles the steer as well", () => {
  const { session, service } = running();
  const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
  give(session, service.answer("resp_2", { parent: "resp_1", prompt: "In French", texts: [["Bon"]] }).slice(0, 1));
  give(session, [accepted(frame.event_id ?? "")]);
  assert.deepEqual(session.outbox.all("steer"), []);
});

test("a steer that comes too late becomes a prompt", () => {
  for (const code of ["response_already_completed", "response_not_active"]) {
    const { session, events } = running();
    const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "m" });
    give(session, events.slice(5));
    const [prompt] = give(session, [refused(frame.event_id ?? "", code, "In French")]);
    assert.equal(prompt.type, "response.create");
    assert.equal(prompt.input, "In French");
    assert.notEqual(prompt.event_id, frame.event_id);
    assert.deepEqual(session.outbox.all("steer"), []);
  }
});

test("a steer that fails otherwise keeps its text", () => {
  const { session } = running();
  const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
  assert.deepEqual(give(session, [refused(frame.event_id ?? "", "too_many_pending_steers", "In French")]), []);
  const [entry] = session.outbox.all("steer");
  assert.deepEqual([entry.state, entry.text, entry.error?.message], ["failed", "In French", "Too late."]);
  const [prompt] = say.again(session, entry, "");
  assert.equal(prompt.input, "In French");
});

test("a steer is not prompted after a stop", () => {
  const { session, service, events } = running();
  const [frame] = say.steer(session, /** @type {any} */ (session.live), { text: "In French", model: "" });
  const ending = service.answer("resp_x", { texts: [["He", "llo"]], end: { status: "cancelled" } }).at(-1);
  give(session, [...events.slice(5, -1), { ...ending, response_id: "resp_1", sequence_number: events.length - 1 }]);
  assert.deepEqual(give(session, [refused(frame.event_id ?? "", "response_not_active", "In French")]), []);
  assert.equal(session.outbox.all("steer")[0].state, "failed");
});

test("a cancel is awaited until the receipt or the end, and said once", () => {
  const { session } = running();
  const live = /** @type {any} */ (session.live);
  const [frame] = say.cancel(session, live);
  assert.deepEqual(say.cancel(session, live), []);
  assert.ok(session.outbox.about("cancel", "resp_1"));
  give(session, [{ type: "interject:cancelled", event_id: frame.event_id, response_id: "resp_1", receipt: { usage: { output_tokens: 2 } } }]);
  assert.equal(session.outbox.about("cancel", "resp_1"), undefined);
  assert.equal(live.receipt.usage.output_tokens, 2);
});

test("a stop that overtakes its prompt stops what the prompt begins", () => {
  const session = followed();
  const [prompt] = say.createFrame(session, { text: "Hi", model: "" });
  const [cancel] = say.cancelPrompt(session, session.outbox.all("prompt")[0]);
  assert.equal(cancel.target_event_id, prompt.event_id);
  give(session, [{ type: "error", event_id: cancel.event_id, status: 404, error: { code: "not_waiting", message: "" } }]);
  const [again] = give(session, new Service().answer("resp_1", { texts: [["x"]], eventId: prompt.event_id }).slice(0, 1));
  assert.deepEqual([again.type, again.response_id], ["interject:cancel", "resp_1"]);
});

test("waiting prompts move, start and are withdrawn", () => {
  const { session, service } = running();
  const [one] = say.createFrame(session, { text: "One", model: "" });
  const [two] = say.createFrame(session, { text: "Two", model: "" });
  const waits = (/** @type {Json} */ frame, /** @type {number} */ position) => ({ type: "interject:queued", conversation: "conv_1", target_event_id: frame.event_id, position, input: frame.input });
  give(session, [waits(one, 1), waits(two, 2)]);
  assert.deepEqual(session.queued.map(({ text }) => text), ["One", "Two"]);
  give(session, [{ type: "interject:dequeued", target_event_id: one.event_id, reason: "started", response_id: "resp_2" }, waits(two, 1)]);
  give(session, service.answer("resp_2", { parent: "resp_1", prompt: "One", texts: [["x"]], eventId: one.event_id }).slice(0, 1));
  assert.deepEqual(session.queued.map(({ position }) => position), [1]);
  const [withdrawal] = say.dequeue(session, session.queued[0], "m");
  assert.equal(withdrawal.target_event_id, two.event_id);
  const [prompt] = give(session, [{ type: "interject:dequeued", event_id: withdrawal.event_id, target_event_id: two.event_id, reason: "withdrawn", input: "Two" }]);
  assert.deepEqual([prompt.type, prompt.input], ["response.create", "Two"]);
});

test("a refused prompt keeps its text and says why", () => {
  const session = followed();
  const [frame] = say.createFrame(session, { text: "Hi", model: "none" });
  give(session, [{ type: "error", event_id: frame.event_id, status: 400, error: { code: "model_not_found", message: "No such model." } }]);
  const [entry] = session.outbox.all("prompt");
  assert.equal(entry.error?.code, "model_not_found");
  assert.equal(session.busy, false);
  assert.deepEqual(session.outbox.again(), []);
});

test("another branch is shown, continued by its end, and left when an answer begins", () => {
  const { session, service } = running();
  give(session, service.answer("resp_2", { texts: [["x"]] }));
  session.show("resp_1");
  assert.equal(session.shown, "resp_1");
  assert.deepEqual(session.branch.map(({ id }) => id), ["resp_1"]);
  give(session, service.answer("resp_3", { parent: "resp_2", texts: [["x"]] }));
  assert.deepEqual(session.branch.map(({ id }) => id), ["resp_2", "resp_3"]);
  session.show("resp_2");
  assert.equal(say.createFrame(session, { text: "On", model: "" })[0].previous_response_id, "resp_2");
});

test("an answer is made again beside the first, from the same input", () => {
  const { session, service, events } = running();
  give(session, events.slice(5));
  const response = /** @type {any} */ (session.responses.get("resp_1"));
  const [frame] = say.regenerate(session, response, "m");
  assert.deepEqual(frame.interject, { root: true, cache: false }, "another answer is wanted");
  assert.equal(frame.conversation, "conv_1");
  assert.deepEqual(frame.input, [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] }]);
  give(session, service.answer("resp_2", { parent: "resp_1", texts: [["x"]] }));
  const [second] = say.regenerate(session, /** @type {any} */ (session.responses.get("resp_2")), "m");
  assert.equal(second.previous_response_id, "resp_1");
  assert.equal(second.conversation, undefined);
  assert.deepEqual(second.interject, { cache: false });
  const [third] = say.again(session, /** @type {any} */ (session.outbox.get(second.event_id)), "m");
  assert.deepEqual(third.interject, { cache: false });
});

test("an input of which the beginning is shown is answered again by reference", () => {
  const { session, events } = running();
  give(session, events.slice(5));
  const response = /** @type {any} */ (session.responses.get("resp_1"));
  Object.assign(response.items[0].source, { interject: { cut: true, text_chars: 300_000 } });
  const [frame] = say.regenerate(session, response, "m");
  assert.deepEqual(frame.input, [{ type: "item_reference", id: "msg_in_resp_1" }]);
});

test("feedback shows what is kept, and an error that belongs to nothing is a notice", () => {
  const { session } = running();
  const [frame] = say.rate(session, /** @type {any} */ (session.live), { rating: 1, tags: [], comment: "" });
  give(session, [{ type: "interject:feedback", event_id: frame.event_id, response_id: "resp_1", item_id: null, rating: 1, tags: [], comment: "Good" }]);
  assert.equal(session.feedback.get("resp_1")?.comment, "Good");
  give(session, [{ type: "error", status: 429, error: { code: "rate_limit_exceeded", message: "Slow down." } }]);
  assert.equal(session.notice?.code, "rate_limit_exceeded");
});
