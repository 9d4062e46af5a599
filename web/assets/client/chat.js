// One chat on a connection: its messages, what is on its way, and who else is there.

import { CatchUp } from './catchup.js';
import { newClientMessageId, Outbox } from './outbox.js';
import { refuseContent } from './policy.js';
import { Timeline } from './timeline.js';
import { Typists, TypingSender } from './typing.js';

/**
 * Events (CustomEvent): `change` (anything that is shown), `message` {entry} (new and live, from anyone), `joined`, `refused` {code}.
 */
export class Chat extends EventTarget {
  timeline = new Timeline();
  /** @type {Map<string, {role: string}>} who is online, by userId */
  present = new Map();
  /** @type {Map<string, string>} last message read, by userId */
  readBy = new Map();
  /** @type {'none' | 'loading' | 'loaded' | 'failed'} */
  history = 'none';
  joined = false;
  /** Who we are here, by the last token; anonymous visitors get a new one each time. @type {string | null} */
  userId = null;
  /** Whether somebody looks at it: new messages then count as read. */
  active = false;
  #link;
  #catchUp;
  #outbox;
  #typing;
  #typists = new Typists();
  #timers = {};
  #reload = false; // the history was asked for again while it was being loaded
  /** Last message of others that was read here; a page may keep it and set it again. @type {string | null} */
  lastReadId = null;

  /**
   * Made by ChatClient.
   * @param {{id: string, role: string, storage: Storage | null, scope: string, link: object}} p
   */
  constructor({ id, role, storage, scope, link }) {
    super();
    this.id = id;
    this.role = role;
    this.#link = link;
    this.#typing = new TypingSender((isTyping) => this.#send({ type: 'typing', isTyping }));
    this.#catchUp = new CatchUp({
      ask: (position) => link.canResume() && this.#send({ type: 'resume', ...position }),
      reload: () => this.history !== 'none' && this.loadHistory(),
    });
    this.#outbox = new Outbox({ storage, key: `eclipse:outbox:${scope}:${id}` });
    for (const i of this.#outbox.items) {
      this.timeline.addLocal({ ...i, state: i.phase === 'failed' ? 'failed' : 'sending' });
    }
  }

  /** @returns {import('./timeline.js').Entry[]} */
  get messages() {
    return this.timeline.list();
  }

  /** @returns {string[]} userIds */
  get typists() {
    return this.#typists.active(Date.now());
  }

  /** @returns {number} stored messages of others after the last one read */
  get unread() {
    const list = this.messages;
    const read = list.findLastIndex((e) => e.id !== null && e.id === this.lastReadId);
    return list.slice(read + 1).filter((e) => e.kind === 'message' && !this.isMine(e)).length;
  }

  isMine(entry) {
    return entry.kind === 'message' && entry.role === this.role.toLowerCase();
  }

  /** @param {string} role USER | ASSISTANT | AGENT @returns {boolean} whether somebody else of that role is online */
  isOnline(role) {
    return [...this.present.values()].some((p) => p.userId !== this.userId && p.role?.toUpperCase() === role);
  }

  /** @returns {boolean} whether somebody has read a message of ours: each side marks only what the other side wrote */
  isSeen(entry) {
    const list = this.messages;
    const marks = new Set(this.readBy.values());
    return list.slice(list.indexOf(entry)).some((e) => marks.has(e.id) && this.isMine(e));
  }

  /**
   * Sends text. It is shown at once and kept until the server has stored it, over reconnects and a reload of the page.
   * @returns {string | null} its clientMessageId, null for empty text
   */
  send(text) {
    const content = text.trim();
    if (content === '') return null;
    const item = { clientMessageId: newClientMessageId(), content, role: this.role, createdAt: Date.now() };
    this.#typing.reset();
    const refused = refuseContent(content, JSON.stringify(this.#frameOf(item)));
    if (refused) this.timeline.addLocal({ ...item, state: 'failed', code: refused });
    else if (!this.#outbox.add(item)) this.timeline.addLocal({ ...item, state: 'failed', code: 'OUTBOX_FULL' });
    else this.timeline.addLocal(item);
    this.#pump();
    this.#changed();
    return item.clientMessageId;
  }

  /** Sends a failed message again under its id. */
  retry(clientMessageId) {
    const entry = this.messages.find((e) => e.clientMessageId === clientMessageId);
    if (entry?.state !== 'failed') return;
    const again = { clientMessageId, content: entry.content, role: this.role, createdAt: Date.now() };
    if (!this.#outbox.retry(clientMessageId, Date.now()) && !this.#outbox.add(again)) return;
    this.timeline.retry(clientMessageId);
    this.#pump();
    this.#changed();
  }

  /** Gives a failed message up. */
  discard(clientMessageId) {
    this.#outbox.discard(clientMessageId);
    this.timeline.remove(clientMessageId);
    this.#changed();
  }

  /** Call on every change of the composer's text. */
  typingInput(text) {
    if (text.trim() === '') this.#typing.stop();
    else this.#typing.input();
  }

  stopTyping() {
    this.#typing.stop();
  }

  announceAgent() {
    return this.#send({ type: 'agent_joined' });
  }

  /** Everything that is shown has been read. */
  markRead() {
    const last = this.messages.findLast((e) => e.kind === 'message' && e.id && !this.isMine(e));
    if (!last || last.id === this.lastReadId) return;
    this.lastReadId = last.id;
    this.#send({ type: 'read', messageId: last.id });
    this.#changed();
  }

  /** Loads the history and merges it into what is shown. Never throws: see `history`. */
  async loadHistory() {
    this.#reload = this.history === 'loading';
    if (this.#reload) return;
    this.history = 'loading';
    this.#changed();
    try {
      for (const data of await this.#link.fetchHistory(this.id)) this.#mergeStored(data);
      this.history = 'loaded';
    } catch {
      this.history = 'failed';
    }
    if (this.#reload) return this.loadHistory();
    this.#changed();
  }

  // ---- What ChatClient calls.

  handle(frame) {
    const handler = handlers[frame.type];
    if (handler) handler.call(this, frame);
  }

  lost() {
    this.joined = false;
    this.#catchUp.stop();
    this.present.clear();
    this.#typists.clear();
    for (const t of Object.values(this.#timers)) clearTimeout(t);
    this.#changed();
  }

  /** The server does not know `resume`. */
  cannotResume() {
    this.#catchUp.refused();
  }

  // ---- Frames.

  _joined(frame) {
    this.joined = true;
    this.present = new Map(pairs(frame.presence).map((p) => [p.userId, p]));
    for (const r of pairs(frame.read)) this.readBy.set(r.userId, r.messageId);
    // What was loaded before we listened may be short.
    if (this.#catchUp.head(frame) ? this.history !== 'none' : this.history === 'failed') this.loadHistory();
    this.#outbox.reconnected();
    this.#pump();
    this.dispatchEvent(new CustomEvent('joined'));
    this.#changed();
  }

  _message({ data, epoch, offset }) {
    if (typeof data?.id !== 'string') return;
    const { entry, isNew } = this.#mergeStored(data, { epoch, offset });
    this.#typists.set(data.sender?.id, false);
    this.#catchUp.see(epoch, offset);
    this.#pump();
    if (isNew) this.dispatchEvent(new CustomEvent('message', { detail: { entry } }));
    this.#changed();
  }

  _updated({ data, epoch, offset, timestamp }) {
    if (typeof data?.id === 'string') this.timeline.update(data, { at: timestamp });
    this.#catchUp.see(epoch, offset);
    this.#changed();
  }

  _agentJoined({ data, epoch, offset }) {
    if (data) this.timeline.joined(data, { epoch, offset });
    this.#catchUp.see(epoch, offset);
    this.#changed();
  }

  _failed({ data, epoch, offset }) {
    if (data) this.timeline.fail(data, data.code ?? 'API_REJECTED');
    if (data?.clientMessageId) this.#outbox.refused(data.clientMessageId, { retryable: false, code: data.code }, Date.now());
    this.#catchUp.see(epoch, offset);
    this.#changed();
  }

  _ack(frame) {
    this.timeline.ack(frame);
    this.#outbox.acked(frame.clientMessageId, frame.status);
    this.#pump();
    this.#changed();
  }

  _error(frame) {
    const id = frame.clientMessageId ?? (aboutMessage.has(frame.code) ? this.#outbox.inFlight()?.clientMessageId : undefined);
    if (id) {
      const code = this.#outbox.refused(id, frame, Date.now());
      if (code) this.timeline.fail({ clientMessageId: id }, code);
      this.#pump();
      this.#changed();
    } else {
      this.dispatchEvent(new CustomEvent('refused', { detail: { code: frame.code } }));
    }
  }

  _typing({ data }) {
    if (typeof data?.userId !== 'string') return;
    this.#typists.set(data.userId, data.isTyping === true, Date.now());
    this.#watchTypists();
    this.#changed();
  }

  _presence({ data }) {
    if (typeof data?.userId !== 'string') return;
    if (data.status === 'online') this.present.set(data.userId, data);
    else this.present.delete(data.userId);
    this.#changed();
  }

  _read({ data }) {
    if (data?.userId) this.readBy.set(data.userId, data.messageId);
    this.#changed();
  }

  _resumed(frame) {
    this.#catchUp.resumed(frame);
  }

  #mergeStored(data, place) {
    const merged = this.timeline.merge(data, place);
    if (merged.entry.clientMessageId) this.#outbox.acked(merged.entry.clientMessageId, 'stored');
    return merged;
  }

  // ---- Sending.

  #pump() {
    clearTimeout(this.#timers.pump);
    if (!this.joined) return;
    const next = this.#outbox.next(Date.now());
    if (!next) return;
    if (next.item && this.#send(this.#frameOf(next.item))) this.#outbox.sent(next.item, Date.now());
    const waitMs = next.waitMs ?? Math.max(50, next.item.notBefore - Date.now());
    this.#timers.pump = setTimeout(() => this.#pump(), waitMs);
  }

  #frameOf({ clientMessageId, content, role }) {
    return { type: 'message', chatId: this.id, content, role, clientMessageId };
  }

  #send(frame) {
    return this.joined && this.#link.send({ ...frame, chatId: this.id });
  }

  #watchTypists() {
    clearTimeout(this.#timers.typists);
    const ms = this.#typists.nextLapse(Date.now());
    if (ms !== null) this.#timers.typists = setTimeout(() => (this.#changed(), this.#watchTypists()), ms + 10);
  }

  #changed() {
    this.dispatchEvent(new CustomEvent('change'));
  }
}

// Errors that can only be about the message in flight when they name none.
const aboutMessage = new Set(['CONTENT_TOO_LONG', 'MISSING_FIELD', 'ROLE_FORBIDDEN', 'API_REJECTED', 'API_UNAVAILABLE']);

const P = Chat.prototype;
const handlers = {
  connected: P._joined,
  subscribed: P._joined,
  message: P._message,
  message_updated: P._updated,
  message_failed: P._failed,
  agent_joined: P._agentJoined,
  ack: P._ack,
  error: P._error,
  typing: P._typing,
  presence: P._presence,
  read: P._read,
  resumed: P._resumed,
};

// Presence and read state come as lists of {userId, …}.
const pairs = (list) => (Array.isArray(list) ? list.filter((p) => typeof p?.userId === 'string') : []);
