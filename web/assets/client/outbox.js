// Messages of one chat that the server has not stored yet: in order, bounded, and kept over a page reload.

import { afterError } from './policy.js';

/** Bounds: messages, characters of content in all, how long an id may be repeated (the server keeps it for a day). */
export const BOUNDS = Object.freeze({ items: 50, characters: 200_000, ageMs: 24 * 3600_000 });
const ACK_TIMEOUT_MS = 15_000; // no answer for so long: send it again under the same id

/**
 * @typedef {object} Item
 * @property {string} clientMessageId
 * @property {string} content
 * @property {string} role USER | ASSISTANT | AGENT
 * @property {number} createdAt ms
 * @property {'queued' | 'sent' | 'accepted' | 'failed'} phase
 * @property {number} attempts
 * @property {number} notBefore ms
 * @property {string | null} code why it failed
 */

export class Outbox {
  /** @type {Item[]} oldest first */
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
  add({ clientMessageId, content, role, createdAt }) {
    const held = this.items.reduce((n, i) => n + i.content.length, content.length);
    if (this.items.length >= BOUNDS.items || held > BOUNDS.characters) return false;
    this.items.push({ clientMessageId, content, role, createdAt, phase: 'queued', attempts: 0, notBefore: 0, code: null });
    this.#save();
    return true;
  }

  /**
   * The one message that may go next. There is at most one without an answer: so a refused one is never overtaken by
   * a later one, and the order of sending is the order of the log.
   * @returns {{item: Item} | {waitMs: number} | null} null: nothing to do
   */
  next(now) {
    const item = this.items.find((i) => i.phase === 'queued' || i.phase === 'sent');
    if (!item) return null;
    return item.notBefore > now ? { waitMs: item.notBefore - now } : { item };
  }

  sent(item, now) {
    item.phase = 'sent';
    item.attempts += 1;
    item.notBefore = now + ACK_TIMEOUT_MS;
  }

  /** @param {'accepted' | 'stored'} status accepted ones stay until they are stored */
  acked(clientMessageId, status) {
    const item = this.#get(clientMessageId);
    if (!item) return;
    if (status === 'accepted') item.phase = 'accepted';
    else this.items = this.items.filter((i) => i !== item);
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
    else Object.assign(item, { phase: 'failed', code: what.code });
    this.#save();
    return what.retry ? null : what.code;
  }

  /** A new connection: whatever has no final answer goes again, accepted ones too, to hear when they are stored. */
  reconnected() {
    for (const i of this.items) {
      if (i.phase !== 'failed') Object.assign(i, { phase: 'queued', notBefore: 0 });
    }
  }

  retry(clientMessageId, now) {
    const item = this.#get(clientMessageId);
    if (item?.phase !== 'failed') return false;
    Object.assign(item, { phase: 'queued', notBefore: 0, attempts: 0, code: null, createdAt: now });
    this.#save();
    return true;
  }

  discard(clientMessageId) {
    this.items = this.items.filter((i) => i.clientMessageId !== clientMessageId);
    this.#save();
  }

  /** The message that waits for an answer, if any. */
  inFlight() {
    return this.items.find((i) => i.phase === 'sent') ?? null;
  }

  #get(clientMessageId) {
    return this.items.find((i) => i.clientMessageId === clientMessageId);
  }

  #restore(now) {
    let kept = [];
    try {
      kept = JSON.parse(this.#storage?.getItem(this.#key) ?? '[]');
    } catch {
      return; // not ours or no access: begin empty, the next save replaces it
    }
    if (!Array.isArray(kept)) return;
    for (const i of kept.filter(isItem).slice(0, BOUNDS.items)) {
      const tooOld = now - i.createdAt > BOUNDS.ageMs;
      const failed = tooOld || i.phase === 'failed';
      this.items.push({ ...i, phase: failed ? 'failed' : 'queued', code: tooOld ? 'EXPIRED' : (i.code ?? null), notBefore: 0, attempts: 0 });
    }
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

const isItem = (i) =>
  typeof i?.clientMessageId === 'string' && typeof i.content === 'string' && typeof i.role === 'string' && Number.isFinite(i.createdAt);

/** @returns {string} 128 random bits, base64url */
export function newClientMessageId(crypto = globalThis.crypto) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
