// The agents' list of chats as data: what GET /api/chats told, brought up to date by what arrives live.

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {number} total messages
 * @property {{id: string, content: string, role: string, timestamp: string, sender?: {name?: string}} | null} last
 * @property {string} createdAt
 * @property {string} name '' while unknown
 */

export class Inbox {
  /** @type {Map<string, Row>} */
  rows = new Map();
  #seen; // chatId → how many messages this browser has read

  /** @param {Record<string, number>} seen */
  constructor(seen = {}) {
    this.#seen = { ...seen };
  }

  get seen() {
    return { ...this.#seen };
  }

  /**
   * Takes the list over. What arrived live after the list was made stays.
   * @param {{id: string, messages: number, lastMessage: Row['last'], createdAt: string}[]} chats
   * @returns {{added: string[], removed: string[]}}
   */
  merge(chats) {
    const added = [];
    const present = new Set();
    for (const c of chats) {
      present.add(c.id);
      const row = this.rows.get(c.id);
      if (!row) added.push(c.id);
      this.rows.set(c.id, mergeRow(row, c));
    }
    const removed = [...this.rows.keys()].filter((id) => !present.has(id));
    for (const id of removed) this.rows.delete(id);
    return { added, removed };
  }

  /** A new message arrived on the socket. */
  live(chatId, { id, content, role, timestamp }) {
    const row = this.rows.get(chatId);
    if (!row || (row.last && (timestamp < row.last.timestamp || id === row.last.id))) return; // the list has counted it already
    row.total += 1;
    row.last = { id, content, role, timestamp };
  }

  /** What was shown live will not be stored. @param {Row['last']} before the last message that counts, null while unknown */
  failed(chatId, { id }, before) {
    const row = this.rows.get(chatId);
    if (row?.last?.id !== id) return; // the next list has it right
    row.total -= 1;
    row.last = before && { id: before.id, content: before.content, role: before.role, timestamp: before.timestamp };
  }

  named(chatId, name) {
    const row = this.rows.get(chatId);
    if (row && known(name)) row.name = name;
  }

  /** Everything of a chat has been read. @returns {boolean} whether that is news */
  read(chatId) {
    const total = this.rows.get(chatId)?.total ?? 0;
    if (this.#seen[chatId] === total) return false;
    this.#seen[chatId] = total;
    return true;
  }

  /** @returns {number} messages that nobody here has read; a chat whose last word is an agent's has none */
  unread(chatId) {
    const row = this.rows.get(chatId);
    if (!row?.last || row.last.role !== 'user') return 0;
    return Math.max(0, row.total - (this.#seen[chatId] ?? 0));
  }

  /** @returns {number} chats with something unread */
  get waiting() {
    return [...this.rows.keys()].filter((id) => this.unread(id) > 0).length;
  }

  /** @returns {Row[]} the latest first; with a query those that have it in name, id or last message */
  list(query = '') {
    const q = query.trim().toLowerCase();
    const text = (r) => `${r.name} ${r.id} ${r.last?.content ?? ''}`.toLowerCase();
    return [...this.rows.values()]
      .filter((r) => q === '' || text(r).includes(q))
      .sort((a, b) => (when(a) < when(b) ? 1 : when(a) > when(b) ? -1 : a.id < b.id ? -1 : 1));
  }
}

const known = (name) => (name && name !== 'Anonymous' ? name : '');
const nameIn = (last) => (last?.role === 'user' ? known(last.sender?.name) : '');
const when = (row) => row.last?.timestamp ?? row.createdAt;

function mergeRow(row, { id, messages, lastMessage, createdAt }) {
  const last = lastMessage ? { ...lastMessage, role: lastMessage.role.toLowerCase() } : null;
  const older = row?.last && (!last || last.timestamp < row.last.timestamp);
  return older ? { ...row, createdAt } : { id, total: messages, last, createdAt, name: row?.name || nameIn(last) };
}
