/**
 * The state of one conversation as this page knows it: the twin of the server's follower. Pure: no
 * DOM, no sockets, no clock. Frames go in by `receive`, which says what to send; what a person does
 * is in `state/requests.js`. What is said while there is no connection is said when there is.
 */

import { TERMINAL } from "./wire.js";
import { ANSWERS } from "./state/answers.js";
import { Follower } from "./state/follower.js";
import { Outbox } from "./state/outbox.js";
import { cancel } from "./state/requests.js";
import { settleTaken } from "./state/settling.js";
import { applyEvent, isLive, readResponse } from "./state/transcript.js";
import { branch, newestHead, withResponse } from "./state/tree.js";

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Response} Response */
/** @typedef {import("./wire.js").Conversation} Conversation */
/** @typedef {import("./wire.js").Waiting} Waiting */
/** @typedef {import("./wire.js").Feedback} Feedback */

/** How many of the latest responses a page that comes back names, and the most that it may. */
const NAMED = 20;
const MAX_NAMED = 200;

export class Session {
  /** @type {Conversation} */
  conversation = { id: "", title: "", shown: null, queuePaused: false };
  /** @type {Map<string, Response>} in the order of their creation */
  responses = new Map();
  /** @type {Waiting[]} */
  queued = [];
  /** @type {Map<string, Feedback>} what is kept, by response */
  feedback = new Map();
  /** @type {{code: string, message: string} | null} an error that belongs to nothing shown */
  notice = null;
  /** @type {{user: string, until: number} | null} */
  typing = null;
  /** Whether the conversation was deleted, or access to it ended. */
  removed = false;
  /** Whether following failed, so that the connection must be made anew. */
  broken = false;
  /** Whether the state is what the server has, but for what is on its way. */
  ready = false;
  /** @type {string | null} the head of a branch that this page shows in place of the server's */
  chosen = null;
  followId = "";

  outbox = new Outbox();
  follower = new Follower();
  /** @type {() => string} a fresh `event_id` */
  newId;

  /**
   * @param {string} conversationId empty until there is one
   * @param {() => string} newId
   */
  constructor(conversationId, newId) {
    this.conversation.id = conversationId;
    this.newId = newId;
  }

  /** The head of the branch that is shown. */
  get shown() {
    return this.chosen ?? this.conversation.shown;
  }

  /** Shows another branch than the server would go on with. @param {string} head */
  show(head) {
    this.chosen = head === this.conversation.shown ? null : head;
  }

  /** @returns {Response[]} from the root on */
  get branch() {
    return branch(this.responses, this.shown);
  }

  /** The response that is being written at the end of the branch. */
  get live() {
    const head = this.responses.get(this.shown ?? "");
    return isLive(head) ? head : undefined;
  }

  /** Whether it has been told to stop, and goes on. @param {Response} response */
  isStopping(response) {
    const isTold = response.receipt !== null || this.outbox.about("cancel", response.id) !== undefined;
    return isTold && isLive(response);
  }

  /** Whether a prompt would have to wait. */
  get busy() {
    return this.live !== undefined || this.outbox.waitingPrompts.length > 0;
  }

  /** Whether the server owes an answer. */
  get expecting() {
    return this.outbox.waiting || (this.followId !== "" && !this.ready);
  }

  /** The connection is open. @returns {Frame[]} */
  opened() {
    this.broken = false;
    if (this.notice?.code === "shutting_down") this.notice = null;
    this.follower.acknowledged();
    return this.follow();
  }

  /** The connection is gone. */
  closed() {
    this.ready = false;
    this.followId = "";
  }

  /**
   * Asks for everything after what is known, or for everything.
   *
   * @param {{anew?: boolean}} [options]
   * @returns {Frame[]}
   */
  follow({ anew = false } = {}) {
    if (!this.conversation.id || this.removed) return [];
    this.ready = false;
    this.followId = this.newId();
    /** @type {Frame} */
    const frame = {
      type: "interject:follow",
      event_id: this.followId,
      conversation: this.conversation.id,
    };
    const after = anew ? [] : this.#cursors();
    return [after.length ? { ...frame, after } : frame];
  }

  /** Names all that is known from some moment on, so that what was missed in between shows. */
  #cursors() {
    const all = [...this.responses.values()];
    const running = all.findIndex(isLive);
    const recent = Math.max(0, all.length - NAMED);
    const from = running < 0 ? recent : Math.min(running, recent);
    const named = all.slice(from).map(({ id, number }) => ({
      response_id: id,
      sequence_number: number,
    }));
    return named.length > MAX_NAMED ? [] : named;
  }

  /**
   * Takes a frame.
   *
   * @param {Frame} frame
   * @param {number} size of its text, in characters
   * @param {number} now in milliseconds
   * @returns {Frame[]} what to send
   */
  receive(frame, size, now) {
    const answer = ANSWERS[frame.type];
    if (answer) return answer(this, frame, now);
    if (frame.type.startsWith("interject:") || !frame.response_id) return [];
    return this.#event(frame, frame.response_id, size, now);
  }

  /** @param {Frame} event @param {string} id @param {number} size @param {number} now */
  #event(event, id, size, now) {
    const place = this.follower.take(id, event.sequence_number ?? 0, size, now);
    if (place === "gap") return this.ready ? this.follow() : [];
    if (place === "known") return [];
    if (event.type === "response.created") return this.#created(event);
    return this.#continued(event, id);
  }

  /** @param {Frame} event @returns {Frame[]} */
  #created(event) {
    const response = readResponse(event.response);
    response.number = event.sequence_number ?? 0;
    this.responses = withResponse(this.responses, response);
    this.conversation.shown = newestHead(this.responses, response.id);
    this.chosen = null;
    const steered = this.responses.get(response.parent ?? "")?.reason === "steered";
    if (!steered) this.conversation.queuePaused = false;
    settleTaken(this, response);
    if (this.outbox.isUnwanted(response.origin.event_id)) return cancel(this, response);
    // A very long input is not in the event: only a snapshot has it.
    const isShown = event.response.interject?.input !== null;
    return isShown || !this.ready ? [] : this.follow({ anew: true });
  }

  /** @param {Frame} event @param {string} id @returns {Frame[]} */
  #continued(event, id) {
    const response = this.responses.get(id);
    if (!response) return [];
    applyEvent(response, event);
    if (!TERMINAL.has(event.type)) return [];
    if (response.status === "cancelled") this.conversation.queuePaused = true;
    settleTaken(this, response);
    return this.release();
  }

  /** What was held for the end of a response goes out when it has ended. @returns {Frame[]} */
  release() {
    const frames = this.outbox.release((id) => this.#isOver(id));
    return this.ready ? frames : [];
  }

  /** A stop that comes too late for a steered response stops its successor. @param {string} id @returns {boolean} */
  #isOver(id) {
    const response = this.responses.get(id);
    if (response?.reason !== "steered") return !isLive(response);
    const successor = [...this.responses.values()].findLast(({ parent }) => parent === id);
    return successor !== undefined && this.#isOver(successor.id);
  }
}
