/** What this browser remembers. Storage may be full or forbidden: then nothing is remembered. */

const DRAFT = "draft:";
const OUTBOX = "outbox:";

/**
 * @param {"local" | "session"} kind
 * @param {string} key
 * @returns {string | null}
 */
export function recall(kind, key) {
  try {
    return storage(kind).getItem(key);
  } catch {
    return null;
  }
}

/**
 * @param {"local" | "session"} kind
 * @param {string} key
 * @param {string | null} value null or empty to forget
 */
export function remember(kind, key, value) {
  try {
    if (value) storage(kind).setItem(key, value);
    else storage(kind).removeItem(key);
  } catch {
    // Nothing is remembered.
  }
}

/** @param {"local" | "session"} kind */
function storage(kind) {
  return kind === "local" ? localStorage : sessionStorage;
}

/**
 * Of each account its own: a browser may be used by several people.
 *
 * @param {string} user
 * @param {string} conversationId empty for one that does not exist yet
 */
export function draftKey(user, conversationId) {
  return `${DRAFT}${user}:${conversationId || "new"}`;
}

/** @param {string} conversationId */
export function outboxKey(conversationId) {
  return `${OUTBOX}${conversationId}`;
}

/** Forgets what was written and not sent, in every conversation. */
export function forgetUnsent() {
  forget("local", DRAFT);
  forget("session", OUTBOX);
}

/** @param {"local" | "session"} kind @param {string} beginning of the keys */
function forget(kind, beginning) {
  try {
    const keys = Object.keys(storage(kind)).filter((key) => key.startsWith(beginning));
    for (const key of keys) storage(kind).removeItem(key);
  } catch {
    // Nothing was remembered.
  }
}
