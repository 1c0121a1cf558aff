/**
 * What was said to the server and is not settled: it is said again, under the same `event_id`, after
 * a reconnect, so that nothing is lost or done twice. Pure.
 */

/** @typedef {import("../wire.js").Frame} Frame */
/** @typedef {"prompt" | "steer" | "cancel" | "feedback" | "dequeue"} Kind */
/**
 * @typedef {{
 *   id: string, kind: Kind, frame: Frame, text: string, model: string,
 *   target: string, state: State, after: string, steerId: string, sendAfter: boolean,
 *   error: {code: string, message: string} | null,
 * }} Entry `target`: the response or the waiting prompt that it is about; `after`: the response
 *   whose end it is held for
 */
/** @typedef {"held" | "waiting" | "accepted" | "failed"} State */
/** @typedef {{said: Entry[], unwanted: string[]}} Saved */

export class Outbox {
  /** Grows with every change. */
  revision = 0;
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Set<string>} prompts that were stopped before their response began */
  #unwanted = new Set();

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
      after: "",
      steerId: "",
      sendAfter: false,
      error: null,
      ...details,
    };
    this.#entries.set(entry.id, entry);
    this.revision++;
    return entry;
  }

  /** @param {string | undefined} id */
  get(id) {
    return id === undefined ? undefined : this.#entries.get(id);
  }

  /** @param {string | undefined} id @returns {Entry | undefined} what was settled */
  settle(id) {
    const entry = this.get(id);
    if (entry && this.#entries.delete(entry.id)) this.revision++;
    return entry;
  }

  /** @param {Entry} entry @param {{code: string, message: string}} error */
  fail(entry, error) {
    this.#change(entry, { state: "failed", error });
  }

  /** @param {Entry} entry a steer @param {string} steerId @param {string} target what it steers */
  accept(entry, steerId, target) {
    this.#change(entry, { state: "accepted", steerId, target });
  }

  /**
   * What was held goes out.
   *
   * @param {(responseId: string) => boolean} isOver
   * @returns {Frame[]}
   */
  release(isOver) {
    const free = this.all("prompt").filter(({ state, after }) => state === "held" && isOver(after));
    for (const entry of free) this.#change(entry, { state: "waiting" });
    return free.map(({ frame }) => frame);
  }

  /** Whoever began it must stop it. @param {string} promptId */
  disown(promptId) {
    this.#unwanted.add(promptId);
    this.revision++;
  }

  /** @param {string | undefined} promptId */
  isUnwanted(promptId) {
    return promptId !== undefined && this.#unwanted.has(promptId);
  }

  /** @param {Entry} entry @param {Partial<Entry>} change */
  #change(entry, change) {
    Object.assign(entry, change);
    this.revision++;
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
    const open = [...this.#entries.values()].filter(({ state }) => state === "waiting" || state === "accepted");
    return open.map((entry) => entry.frame);
  }

  /** @returns {Saved} what must outlive the page, as JSON can hold it */
  saved() {
    return { said: [...this.#entries.values()], unwanted: [...this.#unwanted] };
  }

  /** @param {Partial<Saved>} saved */
  restore({ said = [], unwanted = [] }) {
    for (const entry of said) this.#entries.set(entry.id, entry);
    for (const id of unwanted) this.#unwanted.add(id);
  }
}
