/**
 * What was said to the server and is not settled: it is said again, under the same `event_id`, after
 * a reconnect, so that nothing is lost or done twice. Pure.
 */

/** @typedef {import("../wire.js").Frame} Frame */
/** @typedef {"prompt" | "steer" | "cancel" | "feedback" | "dequeue"} Kind */
/**
 * @typedef {{
 *   id: string, kind: Kind, frame: Frame, text: string, model: string,
 *   target: string, state: "waiting" | "accepted" | "failed", steerId: string, sendAfter: boolean,
 *   error: {code: string, message: string} | null,
 * }} Entry `target`: the response or the waiting prompt that it is about
 */

/** Kinds whose text must outlive the page. */
const KEPT = new Set(["prompt", "steer", "dequeue"]);

export class Outbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /**
   * @param {Kind} kind
   * @param {Frame & {event_id: string}} frame
   * @param {Partial<Entry>} [details]
   * @returns {Entry}
   */
  add(kind, frame, details = {}) {
    /** @type {Entry} */
    const entry = {
      id: frame.event_id,
      kind,
      frame,
      text: "",
      model: "",
      target: "",
      state: "waiting",
      steerId: "",
      sendAfter: false,
      error: null,
      ...details,
    };
    this.#entries.set(entry.id, entry);
    return entry;
  }

  /** @param {string | undefined} id */
  get(id) {
    return id === undefined ? undefined : this.#entries.get(id);
  }

  /** @param {string | undefined} id @returns {Entry | undefined} what was settled */
  settle(id) {
    const entry = this.get(id);
    if (entry) this.#entries.delete(entry.id);
    return entry;
  }

  /** @param {Entry} entry @param {{code: string, message: string}} error */
  fail(entry, error) {
    entry.state = "failed";
    entry.error = error;
  }

  /** @param {Kind} kind @returns {Entry[]} in the order in which they were said */
  all(kind) {
    return [...this.#entries.values()].filter((entry) => entry.kind === kind);
  }

  /** @param {Kind} kind @param {string} target */
  about(kind, target) {
    return this.all(kind).findLast((entry) => entry.target === target);
  }

  /** Prompts that the server has not answered. */
  get waitingPrompts() {
    return this.all("prompt").filter((entry) => entry.state === "waiting");
  }

  /** Whether an answer is awaited. */
  get waiting() {
    return [...this.#entries.values()].some((entry) => entry.state === "waiting");
  }

  /** @returns {Frame[]} everything that has no final answer */
  again() {
    const open = [...this.#entries.values()].filter((entry) => entry.state !== "failed");
    return open.map((entry) => entry.frame);
  }

  /** @returns {Entry[]} what must outlive the page, as JSON can hold it */
  saved() {
    return [...this.#entries.values()].filter((entry) => KEPT.has(entry.kind));
  }

  /** @param {Entry[]} entries */
  restore(entries) {
    for (const entry of entries) this.#entries.set(entry.id, entry);
  }
}
