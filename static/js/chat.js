/**
 * What holds a page together: the session, its connection, and what outlives a reload. Elements read
 * it, call its verbs, and draw anew when it says "change".
 */

import { Session } from "./session.js";
import { Silence } from "./silence.js";
import { Socket } from "./socket.js";
import * as say from "./state/requests.js";
import { draftKey, outboxKey, recall, remember } from "./storage.js";

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Response} Response */
/** @typedef {import("./wire.js").Waiting} Waiting */
/** @typedef {import("./wire.js").Feedback} Feedback */
/** @typedef {import("./state/outbox.js").Entry} Entry */
/** @typedef {import("./api.js").Api} Api */

const TYPING_EVERY_MILLISECONDS = 3_000;
/** Notices about a text that was not sent: they are over when one was. */
const UNSENT = new Set(["prompt_too_long", "not_sent"]);
const HTTP = /^http/;

export class Chat extends EventTarget {
  /** @type {Response | null} the response whose prompt is being edited */
  editing = null;
  #ackTimer = 0;
  #typedAt = 0;
  #savedRevision = 0;
  /** @type {Promise<unknown> | null} */
  #creating = null;

  /**
   * @param {Api} api
   * @param {{user: string, models: string[], max_prompt_bytes: number,
   *   conversation: import("./api.js").Row | null}} page
   */
  constructor(api, page) {
    super();
    this.api = api;
    this.user = page.user;
    this.models = page.models;
    this.maxPromptBytes = page.max_prompt_bytes;
    this.model = known(page.models, recall("local", "model"));
    this.session = new Session(page.conversation?.id ?? "", newId);
    this.session.conversation.title = page.conversation?.title ?? "";
    this.socket = new Socket(socketAddress(), {
      opened: () => this.#send(this.session.opened()),
      received: (frame, size) => this.#receive(frame, size),
      changed: () => this.#connectionChanged(),
      signedOut: () => api.signIn(),
      refused: () => void api.checkSignedIn(),
      doubted: () => this.#ask(),
    });
    this.silence = new Silence({ overdue: () => this.#giveUp(), doubted: () => this.#ask() });
  }

  start() {
    const saved = recall("session", outboxKey(this.session.conversation.id));
    if (saved) this.session.outbox.restore(JSON.parse(saved));
    this.socket.connect();
  }

  // -- Verbs

  /**
   * Says a text: a steer while an answer is written, else a prompt.
   *
   * @param {string} text
   * @param {boolean} mayWait whether it is to wait its turn instead of steering
   * @returns {Promise<boolean>} whether it was taken
   */
  async submit(text, mayWait = false) {
    const said = text.toWellFormed().replaceAll("\0", "").trim();
    if (said === "" || this.#isTooLong(said) || !(await this.#ensureConversation())) return false;
    const { session, editing } = this;
    this.editing = null;
    if (UNSENT.has(session.notice?.code ?? "")) session.notice = null;
    this.#do(this.#framesOf({ text: said, model: this.model }, editing, mayWait));
    return true;
  }

  /** @param {import("./state/requests.js").Prompt} prompt @param {Response | null} editing @param {boolean} mayWait */
  #framesOf(prompt, editing, mayWait) {
    const { session } = this;
    const { live } = session;
    if (editing) return say.createFrame(session, { ...prompt, parent: editing.parent });
    if (live && session.isStopping(live)) return say.promptAfter(session, live, prompt);
    if (live && !mayWait) return say.steer(session, live, prompt);
    return say.createFrame(session, prompt);
  }

  stop() {
    const { session } = this;
    const { live } = session;
    const prompt = session.outbox.waitingPrompts.at(-1);
    if (live) this.#do(say.cancel(session, live));
    else if (prompt) this.#do(say.cancelPrompt(session, prompt));
  }

  /** @param {Response} response */
  regenerate(response) {
    this.#do(say.regenerate(this.session, response, this.model));
  }

  /** Not by `submit`: an edit may be under way, which is left as it is. */
  continue() {
    this.#do(say.createFrame(this.session, { text: "Continue", model: this.model }));
  }

  /** @param {Waiting} waiting @param {boolean} sendNow */
  dequeue(waiting, sendNow = false) {
    this.#do(say.dequeue(this.session, waiting, sendNow ? this.model : undefined));
  }

  /** @param {Response} response @param {Feedback} feedback */
  rate(response, feedback) {
    this.#do(say.rate(this.session, response, feedback));
  }

  /** @param {Response} response */
  feedbackOf(response) {
    const entry = this.session.outbox.about("feedback", response.id);
    return /** @type {Feedback | undefined} */ (entry?.frame ?? this.session.feedback.get(response.id));
  }

  /** @param {Entry} entry that was refused */
  sayAgain(entry) {
    this.#do(say.again(this.session, entry, this.model));
  }

  /** @param {Entry} entry that was refused @returns {string} its text */
  takeBack(entry) {
    this.session.outbox.settle(entry.id);
    this.#changed();
    return entry.text;
  }

  /** @param {string} head */
  show(head) {
    this.session.show(head);
    this.#changed();
  }

  /** @param {Response | null} response whose prompt to edit */
  edit(response) {
    this.editing = response;
    this.#changed();
  }

  type() {
    const now = Date.now();
    if (now - this.#typedAt < TYPING_EVERY_MILLISECONDS) return;
    this.#typedAt = now;
    this.#send(say.typing(this.session));
  }

  /** @param {string} model */
  choose(model) {
    this.model = model;
    remember("local", "model", model);
  }

  /** @param {{code: string, message: string} | null} notice */
  note(notice) {
    this.session.notice = notice;
    this.#changed();
  }

  // -- The connection

  /** @param {Frame[]} frames */
  #do(frames) {
    this.#send(frames);
    this.#changed();
  }

  /** @param {Frame[]} frames */
  #send(frames) {
    for (const frame of frames) this.socket.send(frame);
    const { expecting, live } = this.session;
    if (this.socket.state === "open") this.silence.watch(expecting, live !== undefined);
  }

  /** @param {Frame} frame @param {number} size */
  #receive(frame, size) {
    this.silence.broken();
    this.#send(this.session.receive(frame, size, Date.now()));
    if (this.session.ready) this.socket.proven();
    if (this.session.broken) this.socket.renew();
    if (this.session.removed) this.#forget();
    this.#acknowledge();
    this.#changed();
  }

  #acknowledge() {
    clearTimeout(this.#ackTimer);
    this.#send(this.session.follower.acks(Date.now()));
    const wait = this.session.follower.dueAt - Date.now();
    if (wait < Infinity) this.#ackTimer = setTimeout(() => this.#acknowledge(), wait);
  }

  /** Has the connection prove that it is there: by what was missed, if anything was. */
  #ask() {
    if (this.socket.state === "open" && this.session.ready) this.#send(this.session.follow());
  }

  /** A connection that owes an answer and says nothing is dead. */
  #giveUp() {
    if (this.session.expecting) this.socket.renew();
  }

  #connectionChanged() {
    if (this.socket?.state === "waiting") {
      this.silence.broken();
      this.session.closed();
    }
    this.#changed();
  }

  /** The conversation is gone, and so is what was about to be said in it. */
  #forget() {
    const { id } = this.session.conversation;
    this.socket.close();
    remember("local", draftKey(this.user, id), null);
    remember("session", outboxKey(id), null);
  }

  #changed() {
    this.#save();
    this.dispatchEvent(new Event("change"));
  }

  // -- What outlives a reload

  #save() {
    const { conversation, outbox } = this.session;
    if (!conversation.id || outbox.revision === this.#savedRevision) return;
    this.#savedRevision = outbox.revision;
    const saved = outbox.saved();
    const isEmpty = saved.said.length + saved.unwanted.length === 0;
    remember("session", outboxKey(conversation.id), isEmpty ? null : JSON.stringify(saved));
  }

  /** @param {string} text */
  #isTooLong(text) {
    const bytes = new TextEncoder().encode(JSON.stringify(text)).length;
    if (bytes <= this.maxPromptBytes) return false;
    this.note({
      code: "prompt_too_long",
      message: `This has ${bytes.toLocaleString()} bytes; up to ${this.maxPromptBytes.toLocaleString()} can be sent at once.`,
    });
    return true;
  }

  /** A conversation exists from its first prompt on. */
  async #ensureConversation() {
    try {
      if (!this.session.conversation.id) await (this.#creating ??= this.#create());
      return true;
    } catch (error) {
      this.note({ code: "not_sent", message: /** @type {Error} */ (error).message });
      return false;
    } finally {
      this.#creating = null;
    }
  }

  async #create() {
    const { id } = await this.api.create();
    this.session.conversation.id = id;
    history.replaceState(null, "", this.api.pageOf(id));
    this.#send(this.session.follow());
    this.dispatchEvent(new Event("created"));
  }
}

function newId() {
  return crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map(hex).join("");
}

/** @param {number} byte */
function hex(byte) {
  return byte.toString(16).padStart(2, "0");
}

/** @param {string[]} models @param {string | null} model */
function known(models, model) {
  return model && models.includes(model) ? model : (models[0] ?? "");
}

function socketAddress() {
  return `${location.origin.replace(HTTP, "ws")}/v1/responses?interject=1`;
}
