/**
 * The connection: makes itself anew when it is lost, waiting longer each time, and at once when the
 * network or the page comes back. Knows nothing of what the frames say.
 */

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {"connecting" | "open" | "waiting" | "closed"} State */
/**
 * @typedef {{
 *   opened: () => void, received: (frame: Frame, size: number) => void, changed: () => void,
 *   signedOut: () => void, refused: () => void, doubted: () => void,
 * }} Listener `refused`: connecting failed again, perhaps because the login has ended; `doubted`: the
 *   network or the page was away, and the connection may not have survived that
 */

const FIRST_WAIT_MILLISECONDS = 400;
const LONGEST_WAIT_MILLISECONDS = 15_000;
/** Browsers let a handshake hang for a minute or more. */
const HANDSHAKE_MILLISECONDS = 9_000;
const REFUSED_AFTER = 2;
const SIGNED_OUT = 4401;
const NORMAL = 1000;

export class Socket {
  /** @type {State} */
  state = "closed";
  /** Tries since the connection was last good. */
  tries = 0;
  /** @type {WebSocket | null} */
  #socket = null;
  #timer = 0;
  #address;
  #listener;

  /** @param {string} address @param {Listener} listener */
  constructor(address, listener) {
    this.#address = address;
    this.#listener = listener;
    addEventListener("online", () => this.#returned());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#returned();
    });
  }

  /** Connects now, unless it is connected or about to be. */
  connect() {
    clearTimeout(this.#timer);
    if (this.state === "open" || this.state === "connecting") return;
    const socket = new WebSocket(this.#address);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code }) => this.#closed(socket, code);
    this.#timer = setTimeout(() => this.renew(), HANDSHAKE_MILLISECONDS);
    this.#become("connecting");
  }

  /** Does not wait any longer. */
  hurry() {
    if (this.state === "waiting") this.connect();
  }

  /** @param {Frame} frame lost when there is no connection */
  send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Makes the connection anew: this one is not trusted any more. */
  renew() {
    const socket = this.#socket;
    if (!socket || this.state === "waiting") return;
    socket.close(NORMAL);
    this.#closed(socket, NORMAL);
  }

  /** The connection does what it should: the next loss is the first again. */
  proven() {
    this.tries = 0;
  }

  /** For good. */
  close() {
    clearTimeout(this.#timer);
    this.#become("closed");
    this.#socket?.close(NORMAL);
    this.#socket = null;
  }

  #returned() {
    this.hurry();
    if (this.state === "open") this.#listener.doubted();
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#become("open");
    this.#listener.opened();
  }

  /** @param {string} text */
  #received(text) {
    this.#listener.received(JSON.parse(text), text.length);
  }

  /** @param {WebSocket} socket @param {number} code */
  #closed(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    clearTimeout(this.#timer);
    if (code === SIGNED_OUT) {
      this.#become("closed");
      this.#listener.signedOut();
      return;
    }
    const wait = backoff(this.tries++);
    this.#become("waiting");
    this.#timer = setTimeout(() => this.connect(), wait);
    if (this.tries > REFUSED_AFTER) this.#listener.refused();
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.#listener.changed();
  }
}

/**
 * Half of the wait is chance, so that a server that comes back is not stormed.
 *
 * @param {number} tries before
 */
function backoff(tries) {
  const wait = Math.min(FIRST_WAIT_MILLISECONDS * 2 ** tries, LONGEST_WAIT_MILLISECONDS);
  return wait / 2 + (Math.random() * wait) / 2;
}
