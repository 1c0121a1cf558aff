/** What goes over plain HTTP: the list of conversations, and what is done to one as a whole. */

/**
 * @typedef {{id: string, title: string, updated_at: string}} Row
 * @typedef {{conversations: Row[], next: string | null}} Rows
 * @typedef {{home: string, conversations: string, conversation: string, rename: string,
 *   delete: string, sign_in: string}} Addresses
 */

/** The answer was an error; `message` may be shown. */
export class Refused extends Error {}

export class Api {
  /** @param {Addresses} addresses with `ID` in place of a conversation's id */
  constructor(addresses) {
    this.addresses = addresses;
  }

  /** @param {string} id */
  pageOf(id) {
    return this.addresses.conversation.replace("ID", id);
  }

  /** @param {string} search @param {string} before @returns {Promise<Rows>} */
  list(search, before = "") {
    const query = new URLSearchParams({ q: search, before });
    return this.#fetch(`${this.addresses.conversations}?${query}`);
  }

  /** @returns {Promise<Row>} */
  create() {
    return this.#fetch(this.addresses.conversations, {});
  }

  /** @param {string} id @param {string} title @returns {Promise<Row>} */
  rename(id, title) {
    return this.#fetch(this.addresses.rename.replace("ID", id), { title });
  }

  /** @param {string} id */
  delete(id) {
    return this.#fetch(this.addresses.delete.replace("ID", id), {});
  }

  signIn() {
    const next = new URLSearchParams({ next: location.pathname });
    location.assign(`${this.addresses.sign_in}?${next}`);
  }

  /** Goes to the sign-in page if the login has ended. */
  async checkSignedIn() {
    await this.list("").catch(() => {});
  }

  /**
   * @param {string} address
   * @param {object} [body] makes it a POST
   * @returns {Promise<any>} what the server answered
   */
  async #fetch(address, body) {
    const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
    const response = await fetch(
      address,
      body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers },
    ).catch(() => {
      throw new Refused("The service cannot be reached.");
    });
    if (response.status === 401) this.signIn();
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(answer.error?.message ?? `Error ${response.status}`);
    return answer;
  }
}

function csrfToken() {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}
