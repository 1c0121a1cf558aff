/**
 * The tree of responses: which branch is shown, and what stands beside each response. Pure.
 */

/** @typedef {import("../wire.js").Response} Response */
/** @typedef {Map<string, Response>} Responses in the order of their creation */

/**
 * The responses from the root to `head`.
 *
 * @param {Responses} responses
 * @param {string | null} head
 * @returns {Response[]}
 */
export function branch(responses, head) {
  const path = [];
  const seen = new Set();
  let response = head ? responses.get(head) : undefined;
  while (response && !seen.has(response.id)) {
    seen.add(response.id);
    path.push(response);
    response = response.parent ? responses.get(response.parent) : undefined;
  }
  return path.reverse();
}

/**
 * Tells of a response those that have the same parent, and itself, in the order of their creation.
 *
 * @param {Responses} responses which are looked through once
 * @returns {(response: Response) => Response[]}
 */
export function families(responses) {
  /** @type {Map<string | null, Response[]>} */
  const children = new Map();
  for (const response of responses.values()) {
    const parent = knownParent(responses, response);
    const family = children.get(parent);
    if (family) family.push(response);
    else children.set(parent, [response]);
  }
  return (response) => children.get(knownParent(responses, response)) ?? [response];
}

/**
 * The end of the newest branch that goes through a response.
 *
 * @param {Responses} responses
 * @param {string} id
 * @returns {string}
 */
export function newestHead(responses, id) {
  /** @type {Map<string, string>} */
  const newestChild = new Map();
  for (const { id: child, parent } of responses.values()) if (parent) newestChild.set(parent, child);
  const seen = new Set();
  let head = id;
  while (newestChild.has(head) && !seen.has(head)) {
    seen.add(head);
    head = /** @type {string} */ (newestChild.get(head));
  }
  return head;
}

/**
 * The responses and one more, before its children: they may have been heard of first.
 *
 * @param {Responses} responses
 * @param {Response} response
 * @returns {Responses}
 */
export function withResponse(responses, response) {
  const all = [...responses.values()];
  const child = all.findIndex(({ parent }) => parent === response.id);
  all.splice(child < 0 ? all.length : child, 0, response);
  return new Map(all.map((each) => [each.id, each]));
}

/** @param {Responses} responses @param {Response} response */
function knownParent(responses, response) {
  return response.parent && responses.has(response.parent) ? response.parent : null;
}
