/**
 * Notices a connection that died without a word: one that owes an answer has little time for it, one
 * on which an answer is written is asked, after longer, whether it is still there. A model may be
 * silent for minutes; only what was asked for can be overdue.
 */

const OWED_MILLISECONDS = 10_000;
const WRITTEN_MILLISECONDS = 20_000;

export class Silence {
  #owed = 0;
  #written = 0;
  #listener;

  /** @param {{overdue: () => void, doubted: () => void}} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** Something came, or there is no connection to come by. */
  broken() {
    clearTimeout(this.#owed);
    clearTimeout(this.#written);
    this.#owed = this.#written = 0;
  }

  /** @param {boolean} isOwed whether an answer is awaited @param {boolean} isWritten whether text may come */
  watch(isOwed, isWritten) {
    if (isOwed) this.#owed ||= setTimeout(() => this.#end(this.#listener.overdue), OWED_MILLISECONDS);
    else if (isWritten) this.#written ||= setTimeout(() => this.#end(this.#listener.doubted), WRITTEN_MILLISECONDS);
  }

  /** @param {() => void} tell */
  #end(tell) {
    this.broken();
    tell();
  }
}
