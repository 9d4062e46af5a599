// Messages of one chat that the server has not stored yet: in order, bounded, and kept over a page reload.

import { afterError } from './policy.js';

/** Bounds: messages, characters of content in all, how long an id may be repeated (the server keeps it for a day). */
export const BOUNDS = Object.freeze({ items: 50, characters: 200_000, ageMs: 24 * 3600_000 });
const ACK_TIMEOUT_MS = 15_000; // no answer for so long: send it again under the same id
const STORED_TIMEOUT_MS = 60_000; // accepted and not heard of for so long: ask what has become of it

/**
 * What becomes of a message: `queued` here, `sent`, perhaps `accepted` (the server will store it, also after a crash;
 * it then waits aside and lets the next one go), and in the end stored, which takes it out, or `failed`.
 *
 * @typedef {object} Item
 * @property {string} clientMessageId
 * @property {string} content
 * @property {string} role USER | ASSISTANT | AGENT
 * @property {number} createdAt ms
 * @property {string | null} sender whom the server takes it for; null: not known yet
 * @property {'queued' | 'sent' | 'accepted' | 'failed'} phase
 * @property {boolean} accepted whether the server has promised to store it; it stays so while it is asked after
 * @property {string | null} id the message's, as the server told it
 * @property {boolean} shown whether it has a place in the log: the others saw it
 * @property {number} attempts
 * @property {number} notBefore ms
 * @property {string | null} code why it failed
 */

const FRESH = Object.freeze({ phase: 'queued', accepted: false, id: null, shown: false, attempts: 0, notBefore: 0, code: null });

export class Outbox {
  /** @type {Item[]} in the order of sending */
  items = [];
  #storage;
  #key;
  #random;

  /**
   * @param {{storage?: Storage | null, key?: string, now?: number, random?: () => number}} p storage null: kept in memory only
   */
  constructor({ storage = null, key = 'outbox', now = Date.now(), random = Math.random } = {}) {
    this.#storage = storage;
    this.#key = key;
    this.#random = random;
    this.#restore(now);
  }

  /** @returns {boolean} false: full, the message was not taken */
  add({ clientMessageId, content, role, createdAt, sender = null }) {
    const held = this.items.reduce((n, i) => n + i.content.length, content.length);
    if (this.items.length >= BOUNDS.items || held > BOUNDS.characters) return false;
    this.items.push({ clientMessageId, content, role, createdAt, sender, ...FRESH });
    this.#save();
    return true;
  }

  /**
   * The one message that may go next, for the first time or to ask after it. There is at most one without an answer: so
   * a refused one is never overtaken by a later one, and the order of sending is the order of the log.
   * @returns {{item: Item} | {waitMs: number} | null} null: nothing to do
   */
  next(now) {
    const flying = this.items.find((i) => i.phase === 'sent' && i.notBefore > now);
    const item = flying ?? this.items.find((i) => waits(i, now));
    if (item) return item.notBefore > now ? { waitMs: item.notBefore - now } : { item };
    const aside = this.items.filter((i) => i.phase === 'accepted').map((i) => i.notBefore);
    return aside.length > 0 ? { waitMs: Math.min(...aside) - now } : null;
  }

  sent(item, now) {
    item.phase = 'sent';
    item.attempts += 1;
    item.notBefore = now + ACK_TIMEOUT_MS;
  }

  /**
   * Accepted ones stay until they are stored.
   * @param {{clientMessageId: string, id?: string, offset?: number, status: 'accepted' | 'stored'}} ack
   */
  acked({ clientMessageId, id, offset, status }, now) {
    const item = this.#get(clientMessageId);
    if (!item) return;
    if (status === 'accepted') {
      const shown = item.shown || offset > 0;
      Object.assign(item, { phase: 'accepted', accepted: true, id: id ?? item.id, shown, attempts: 0, notBefore: now + STORED_TIMEOUT_MS, code: null });
    } else {
      this.#remove(item);
    }
    this.#save();
  }

  /**
   * @param {object} error an error frame
   * @returns {string | null} the code when it failed for good, null when it will be sent again
   */
  refused(clientMessageId, error, now) {
    const item = this.#get(clientMessageId);
    if (!item || item.phase === 'failed') return null;
    const what = afterError(error, item.attempts, this.#random);
    if (what.retry) Object.assign(item, { phase: 'queued', notBefore: now + what.delayMs });
    else Object.assign(item, { phase: 'failed', accepted: false, code: what.code });
    this.#save();
    return what.retry ? null : what.code;
  }

  /** A new connection: whatever has no final answer goes again, accepted ones too, to hear when they are stored. */
  reconnected() {
    for (const i of this.items) {
      if (i.phase !== 'failed') Object.assign(i, { phase: i.accepted ? 'accepted' : 'queued', notBefore: 0 });
    }
  }

  /**
   * We speak as somebody now. Ids are each sender's own, so what somebody else wrote in this tab would be another message under
   * our name: it fails, and what was accepted of it is the server's.
   * @param {string | null} sender
   * @returns {string[]} clientMessageIds of those that failed
   */
  claim(sender) {
    if (sender === null) return [];
    const others = this.items.filter((i) => i.phase !== 'failed' && i.sender !== null && i.sender !== sender);
    this.items = this.items.filter((i) => !(others.includes(i) && i.accepted));
    for (const i of this.items) {
      i.sender ??= sender;
      if (others.includes(i)) Object.assign(i, { phase: 'failed', code: 'OTHER_SENDER' });
    }
    this.#save();
    return others.filter((i) => !i.accepted).map((i) => i.clientMessageId);
  }

  /** It goes behind the others: those were sent meanwhile, and a reconnect must not turn the order round. */
  retry(clientMessageId, now, sender = null) {
    const item = this.#get(clientMessageId);
    if (item?.phase !== 'failed') return false;
    this.#remove(item);
    this.items.push(Object.assign(item, FRESH, { createdAt: now, sender }));
    this.#save();
    return true;
  }

  discard(clientMessageId) {
    this.#remove(this.#get(clientMessageId));
    this.#save();
  }

  /** @returns {boolean} whether the others saw a message that is here */
  wasShown(clientMessageId) {
    return this.#get(clientMessageId)?.shown === true;
  }

  /** The message that waits for an answer, if any. */
  inFlight() {
    return this.items.find((i) => i.phase === 'sent') ?? null;
  }

  #get(clientMessageId) {
    return this.items.find((i) => i.clientMessageId === clientMessageId);
  }

  #remove(item) {
    this.items = this.items.filter((i) => i !== item);
  }

  #restore(now) {
    let kept = [];
    try {
      kept = JSON.parse(this.#storage?.getItem(this.#key) ?? '[]');
    } catch {
      return; // not ours or no access: begin empty, the next save replaces it
    }
    if (!Array.isArray(kept)) return;
    this.items = kept.filter(isItem).slice(0, BOUNDS.items).map((i) => restored(i, now)).filter((i) => i !== null);
  }

  #save() {
    try {
      if (this.items.length === 0) this.#storage?.removeItem(this.#key);
      else this.#storage?.setItem(this.#key, JSON.stringify(this.items));
    } catch {
      // Storage is full or forbidden (private mode): the messages live in memory until the page goes.
    }
  }
}

const waits = (i, now) => i.phase === 'queued' || i.phase === 'sent' || (i.phase === 'accepted' && i.notBefore <= now);

const isItem = (i) =>
  typeof i?.clientMessageId === 'string' && typeof i.content === 'string' && typeof i.role === 'string' && Number.isFinite(i.createdAt);

// What an earlier page has left. What is too old is not sent again, since the server may take it for a new message:
// one that was only sent failed, one that was accepted is the server's, and the history shows it.
function restored(item, now) {
  const { clientMessageId, content, role, createdAt, code = null } = item;
  const id = typeof item.id === 'string' ? item.id : null;
  const sender = typeof item.sender === 'string' ? item.sender : null;
  const kept = { ...FRESH, clientMessageId, content, role, createdAt, sender, id, shown: item.shown === true };
  const accepted = item.accepted === true;
  if (now - createdAt > BOUNDS.ageMs) return accepted ? null : { ...kept, phase: 'failed', code: 'EXPIRED' };
  if (item.phase === 'failed') return { ...kept, phase: 'failed', code };
  return { ...kept, accepted, phase: accepted ? 'accepted' : 'queued' };
}

/** @returns {string} 128 random bits, base64url */
export function newClientMessageId(crypto = globalThis.crypto) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
