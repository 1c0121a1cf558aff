/** How a session becomes what the service shows, whatever is lost on the way. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../static/js/session.js";
import { itemText } from "../../static/js/state/transcript.js";
import { random } from "./random.js";
import { Service } from "./service.js";
import { counter, followed, give, running } from "./sessions.js";

/** @typedef {Record<string, any>} Json */

/** What a person would see, and what decides how it goes on. @param {Session} session */
function state(session) {
  return {
    shown: session.shown,
    queued: session.queued,
    responses: [...session.responses.values()].map((response) => ({
      id: response.id,
      parent: response.parent,
      status: response.status,
      number: response.number,
      items: response.items.map((item) => [item.id, item.direction, item.status, itemText(item)]),
    })),
  };
}

function conversation() {
  const service = new Service();
  const events = [
    ...service.answer("resp_1", { prompt: "One", texts: [["He", "llo ", "wörld", " 🌍"]] }),
    ...service.answer("resp_2", { prompt: "Two", parent: "resp_1", texts: [["a", "b"], ["c"]], end: { status: "cancelled", incomplete_details: { reason: "cancelled" } } }),
    ...service.answer("resp_3", { prompt: "Three", parent: "resp_1", texts: [["x ", "y ", "z"]], end: { status: "incomplete", incomplete_details: { reason: "steered" } } }),
    ...service.answer("resp_4", { prompt: "Steer", parent: "resp_3", texts: [["in time"]] }),
  ];
  return { service, events };
}

test("a snapshot and later events make the final snapshot, at every cut", () => {
  const { service, events } = conversation();
  const whole = new Session("conv_1", counter());
  give(whole, service.follow(whole.opened()[0], () => Infinity));
  for (let cut = 0; cut <= events.length; cut++) {
    const early = events.slice(0, cut);
    const session = new Session("conv_1", counter());
    const known = (/** @type {string} */ id) => early.filter((event) => event.response_id === id).length;
    give(session, service.follow(session.opened()[0], known));
    give(session, events.slice(cut));
    assert.deepEqual(state(session), state(whole), `cut at ${cut}`);
  }
});

test("drops, duplicates, reorderings and reconnects converge", () => {
  const { service, events } = conversation();
  const whole = new Session("conv_1", counter());
  give(whole, service.follow(whole.opened()[0], () => Infinity));
  for (let seed = 1; seed <= 1000; seed++) {
    const session = schedule(service, events, random(seed));
    assert.deepEqual(state(session), state(whole), `seed ${seed}`);
  }
});

/** @param {Service} service @param {Json[]} events @param {ReturnType<typeof random>} chance */
function schedule(service, events, chance) {
  const session = new Session("conv_1", counter());
  let kept = 0;
  const known = (/** @type {string} */ id) => events.slice(0, kept).filter((event) => event.response_id === id).length;
  /** @param {Json[]} frames */
  const answer = (frames) => {
    for (const frame of frames) {
      if (frame.type === "interject:follow") answer(give(session, service.follow(frame, known)));
    }
  };
  answer(session.opened());
  while (kept < events.length) {
    const batch = events.slice(kept, (kept += 1 + chance.below(5)));
    const fate = chance.next();
    if (fate < 0.15) continue;
    if (fate < 0.25) batch.push(...batch);
    if (fate < 0.35) batch.reverse();
    if (fate < 0.45) {
      session.closed();
      answer(session.opened());
    }
    answer(give(session, batch));
  }
  session.closed();
  answer(session.opened());
  return session;
}

test("an event that is known changes nothing, and one from the future asks for what lacks", () => {
  const { events } = conversation();
  const session = followed();
  give(session, events.slice(0, 5));
  const before = state(session);
  assert.deepEqual(give(session, events.slice(0, 5)), []);
  const [again] = give(session, [events[7]]);
  assert.deepEqual(again.after, [{ response_id: "resp_1", sequence_number: 4 }]);
  assert.deepEqual(give(session, [events[8]]), [], "asks once");
  assert.deepEqual(state(session), before);
});

test("acks come at most every 250 ms, or with enough events or text", () => {
  const { events } = conversation();
  const session = followed();
  session.receive(/** @type {any} */ (events[0]), 100, 1000);
  assert.equal(session.follower.dueAt, 1250);
  assert.deepEqual(session.follower.acks(1249), []);
  session.receive(/** @type {any} */ (events[1]), 100, 1240);
  assert.deepEqual(session.follower.acks(1250), [{ type: "interject:ack", response_id: "resp_1", sequence_number: 1 }]);
  assert.equal(session.follower.dueAt, Infinity);
  session.receive(/** @type {any} */ (events[2]), 20_000, 1260);
  assert.equal(session.follower.acks(1260).length, 1);
  for (let copy = 0; copy < 64; copy++) session.receive(/** @type {any} */ (events[2]), 10, 1300);
  assert.equal(session.follower.acks(1300)[0].sequence_number, 2);
});

test("an unfinished response is resumed from its cursor, a finished one from its end", () => {
  const { events } = conversation();
  const session = followed();
  give(session, events.slice(0, 6));
  session.closed();
  assert.deepEqual(session.opened()[0].after, [{ response_id: "resp_1", sequence_number: 5 }]);
  give(session, [{ type: "interject:followed", queued: [] }, ...events.slice(6, 12)]);
  assert.equal(session.live, undefined);
  assert.equal(session.follow()[0].after.length, 1);
});

test("an input that is too long for its event is fetched by a snapshot", () => {
  const { session, service } = running();
  const [created] = service.answer("resp_2", { parent: "resp_1", texts: [["x"]] });
  created.response.interject.input = null;
  const [follow] = give(session, [created]);
  assert.deepEqual([follow.type, follow.after], ["interject:follow", undefined]);
});

test("a conversation that is gone is said to be gone", () => {
  const session = new Session("conv_1", counter());
  const [follow] = session.opened();
  give(session, [{ type: "error", event_id: follow.event_id, status: 400, error: { code: "conversation_not_found", message: "" } }]);
  assert.ok(session.removed);
  assert.deepEqual(session.opened(), []);
});

test("a conversation that was removed is not known to be as it is shown", () => {
  const session = followed();
  give(session, [{ type: "interject:removed", conversation: "conv_1" }]);
  assert.deepEqual([session.removed, session.ready, session.expecting], [true, false, false]);
});
