/** What this browser remembers. Storage may be full or forbidden: then nothing is remembered. */

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

/** @param {string} conversationId empty for one that does not exist yet */
export function draftKey(conversationId) {
  return `draft:${conversationId || "new"}`;
}
