import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "../../static/js/session.js";
import { Service } from "./service.js";
import { counter, give } from "./sessions.js";

test("an answer from the cache is known as one when it ends, and when the page is loaded again", () => {
  const service = new Service();
  const events = service.answer("resp_1", { texts: [["One."]] });
  const session = new Session("conv_1", counter());
  give(session, service.follow(session.opened()[0], () => 0));
  const end = events[events.length - 1];
  end.response = { ...end.response, interject: { cache: "hit" } };
  give(session, events.slice(0, -1));
  assert.equal(session.responses.get("resp_1")?.cache, "");
  give(session, [end]);
  assert.equal(session.responses.get("resp_1")?.cache, "hit");
  const later = new Session("conv_1", counter());
  const [snapshot] = service.follow(later.opened()[0], () => events.length);
  snapshot.responses[0].interject = { cache: "hit" };
  give(later, [snapshot]);
  assert.equal(later.responses.get("resp_1")?.cache, "hit");
});
