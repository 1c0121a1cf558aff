/**
 * One viewer's cursor in each response: order, duplicates, gaps, and what has not been acknowledged.
 * The twin of `chat.protocol.follower`. Pure: time is an argument.
 */

/** @typedef {import("../wire.js").Frame} Frame */

const ACK_MILLISECONDS = 250;
const ACK_CHARACTERS = 16 * 1024;
const ACK_EVENTS = 64;

export class Follower {
  /** @type {Map<string, number>} the last number that was taken, by response */
  #cursors = new Map();
  /** @type {Set<string>} responses with events that are not acknowledged */
  #unacknowledged = new Set();
  #events = 0;
  #characters = 0;
  #since = 0;

  /** Forgets everything, as a snapshot replaces everything. */
  reset() {
    this.#cursors.clear();
    this.acknowledged();
  }

  /** @param {string} responseId @param {number} number up to which it is known */
  start(responseId, number) {
    this.#cursors.set(responseId, number);
  }

  /**
   * Says what an event is, and moves the cursor if it is the next one.
   *
   * @param {string} responseId
   * @param {number} number
   * @param {number} size of its frame, in characters
   * @param {number} now in milliseconds
   * @returns {"next" | "known" | "gap"}
   */
  take(responseId, number, size, now) {
    const cursor = this.#cursors.get(responseId) ?? -1;
    if (number > cursor + 1) return "gap";
    if (this.#unacknowledged.size === 0) this.#since = now;
    this.#unacknowledged.add(responseId);
    this.#events++;
    this.#characters += size;
    if (number <= cursor) return "known";
    this.#cursors.set(responseId, number);
    return "next";
  }

  /** When an ack is due, in milliseconds; Infinity when everything is acknowledged. */
  get dueAt() {
    if (this.#unacknowledged.size === 0) return Infinity;
    if (this.#events >= ACK_EVENTS || this.#characters >= ACK_CHARACTERS) return 0;
    return this.#since + ACK_MILLISECONDS;
  }

  /**
   * The acks that are due, one a response.
   *
   * @param {number} now in milliseconds
   * @returns {Frame[]}
   */
  acks(now) {
    if (now < this.dueAt) return [];
    const acks = [...this.#unacknowledged].map((id) => ({
      type: "interject:ack",
      response_id: id,
      sequence_number: this.#cursors.get(id) ?? 0,
    }));
    this.acknowledged();
    return acks;
  }

  /** Nothing is unacknowledged: acks went out, or the connection is another one. */
  acknowledged() {
    this.#unacknowledged.clear();
    this.#events = 0;
    this.#characters = 0;
  }
}
