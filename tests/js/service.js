/**
 * A service of the tests' own: it keeps logs of events, and makes snapshots and replays of them by
 * another way than the page's.
 */

/** @typedef {Record<string, any>} Json */

export class Service {
  /** @type {Map<string, Json[]>} */
  logs = new Map();
  /** @type {Json[]} */
  queued = [];
  shown = "";

  /** @param {string} id @param {Json} event */
  log(id, event) {
    const events = this.logs.get(id) ?? [];
    this.logs.set(id, events);
    const numbered = { ...event, response_id: id, sequence_number: events.length };
    events.push(numbered);
    return numbered;
  }

  /**
   * The events of a whole answer of messages.
   *
   * @param {string} id
   * @param {{parent?: string | null, prompt?: string, texts: string[][], end?: Json, eventId?: string,
   *   eventIds?: string[]}} answer
   */
  answer(id, { parent = null, prompt = "Hi", texts, end = { status: "completed" }, eventId, eventIds }) {
    this.shown = id;
    const response = { id, previous_response_id: parent, status: "in_progress", output: [] };
    const input = [{ id: `msg_in_${id}`, type: "message", role: "user", content: [{ type: "input_text", text: prompt }] }];
    const interject = { event_id: eventId, event_ids: eventIds, input };
    const events = [
      { type: "response.created", response: { ...response, interject } },
      { type: "response.in_progress", response },
    ];
    texts.forEach((deltas, index) => events.push(...message(`msg_${id}_${index}`, index, deltas)));
    const kind = end.status === "completed" ? "completed" : end.status === "failed" ? "failed" : "incomplete";
    events.push({ type: `response.${kind}`, response: { ...response, ...end } });
    return events.map((event) => this.log(id, event));
  }

  /**
   * @param {Json} follow
   * @param {(id: string) => number} known how many events of a response there are yet
   * @returns {Json[]}
   */
  follow(follow, known) {
    if (!follow.after?.length) return [this.snapshot(follow.event_id, known)];
    const cursors = new Map(follow.after.map((/** @type {Json} */ cursor) => [cursor.response_id, cursor.sequence_number]));
    const replay = [...this.logs].flatMap(([id, log]) => {
      const events = log.slice(0, known(id));
      return cursors.has(id) || isRunning(events) || isAfter(this.logs, cursors, id)
        ? events.filter((event) => event.sequence_number > (cursors.get(id) ?? -1))
        : [];
    });
    return [{ type: "interject:followed", event_id: follow.event_id, queued: this.queued }, ...replay];
  }

  /** @param {string} eventId @param {(id: string) => number} known */
  snapshot(eventId, known) {
    /** @type {Json[]} */
    const responses = [];
    /** @type {Json[]} */
    const items = [];
    for (const [id, log] of this.logs) {
      const events = log.slice(0, known(id));
      if (events.length === 0) continue;
      const { input = [], ...interject } = events[0].response.interject;
      const last = events.findLast((event) => event.response)?.response;
      responses.push({ ...last, interject, output: [], sequence_number: events.length - 1 });
      for (const item of input) items.push({ ...item, response_id: id, direction: "input", output_index: 0 });
      for (const item of written(events)) items.push({ ...item, response_id: id, direction: "output" });
    }
    const conversation = { id: "conv_1", title: "A talk", shown: responses.at(-1)?.id ?? null, queue_paused: false };
    return { type: "interject:snapshot", event_id: eventId, conversation, responses, items, queued: this.queued, feedback: [] };
  }
}

/** @param {Json[]} events */
function isRunning(events) {
  return events.length > 0 && !/\.(completed|incomplete|failed)$/.test(events.at(-1)?.type);
}

/** @param {Map<string, Json[]>} logs @param {Map<string, number>} cursors @param {string} id */
function isAfter(logs, cursors, id) {
  const order = [...logs.keys()];
  const last = Math.max(...[...cursors.keys()].map((cursor) => order.indexOf(cursor)));
  return order.indexOf(id) > last;
}

/** @param {Json[]} events @returns {Json[]} items with the text so far */
function written(events) {
  return events
    .filter((event) => event.type === "response.output_item.added")
    .map(({ item, output_index }) => {
      const done = events.some((event) => event.type === "response.output_item.done" && event.item.id === item.id);
      const deltas = events.filter((event) => event.item_id === item.id && event.delta);
      const opened = events.some((event) => event.item_id === item.id);
      const content = opened ? [{ type: "output_text", text: deltas.map((event) => event.delta).join("") }] : [];
      return { ...item, output_index, status: done ? "completed" : "in_progress", content };
    });
}

/** @param {string} id @param {number} index @param {string[]} deltas @returns {Json[]} */
function message(id, index, deltas) {
  const place = { item_id: id, output_index: index, content_index: 0 };
  const text = deltas.join("");
  const item = { id, type: "message", role: "assistant" };
  const part = { type: "output_text", text: "" };
  return [
    { type: "response.output_item.added", output_index: index, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...place, part },
    ...deltas.map((delta) => ({ type: "response.output_text.delta", ...place, delta })),
    { type: "response.output_text.done", ...place, text },
    { type: "response.content_part.done", ...place, part: { ...part, text } },
    { type: "response.output_item.done", output_index: index, item: { ...item, status: "completed", content: [{ ...part, text }] } },
  ];
}
