// One chat on a connection: its messages, what is on its way, and who else is there.

import { CatchUp } from './catchup.js';
import { Outbox } from './outbox.js';
import { backoff } from './policy.js';
import { Reading } from './reading.js';
import { Sending } from './sending.js';
import { Timeline } from './timeline.js';
import { Typists, TypingSender } from './typing.js';

const HISTORY_TRIES = 8; // some two minutes; a history that is not there at all is not asked for for ever

/**
 * Events (CustomEvent): `change` (anything that is shown), `message` {entry} (new and live, from anyone), `failed` {entry} (one
 * that was shown and will not be stored), `joined`, `refused` {code: an error code,
 * or TOKEN_REFUSED}.
 */
export class Chat extends EventTarget {
  timeline = new Timeline();
  /** @type {Map<string, {role: string}>} who is online, by userId */
  present = new Map();
  /** @type {'none' | 'loading' | 'loaded' | 'failed'} */
  history = 'none';
  joined = false;
  /** Who we are here, by the last token; anonymous visitors get a new one each time. @type {string | null} */
  userId = null;
  /** Whom the server takes our messages for, by the last token. @type {string | null} */
  sender = null;
  /** Whether somebody looks at it: new messages then count as read. */
  active = false;
  #link;
  #catchUp;
  #sending;
  #typing;
  #typists = new Typists();
  #reading = new Reading((entry) => this.isMine(entry));
  #lapse = null; // until the next typist is forgotten
  #reload = false; // the history was asked for again while it was being loaded
  #retry = { attempt: 0, timer: null }; // of a history that could not be loaded
  #unsentMark = null; // a message that was read while nobody could be told

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
    this.#sending = new Sending({
      outbox: new Outbox({ storage, key: `eclipse:outbox:${scope}:${id}` }),
      timeline: this.timeline,
      chat: this,
      link: { isOpen: () => this.joined, send: (frame) => this.#send(frame) },
    });
  }

  /** @returns {import('./timeline.js').Entry[]} */
  get messages() {
    return this.timeline.list();
  }

  /** @returns {string[]} userIds */
  get typists() {
    return this.#typists.active(Date.now());
  }

  /** @returns {number} messages of others after the last one read */
  get unread() {
    return this.#reading.unread(this.messages);
  }

  /** Last message of others that was read here; a page may keep it and set it again. @type {string | null} */
  get lastReadId() {
    return this.#reading.last;
  }

  set lastReadId(id) {
    this.#reading.last = id;
  }

  /** @returns {Map<string, string>} last message read, by userId */
  get readBy() {
    return this.#reading.by;
  }

  /** @returns {number} messages written here that the server may not have yet */
  get unsent() {
    return this.#sending.unsent;
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
    return this.#reading.isSeen(this.messages, entry);
  }

  /**
   * Sends text. It is shown at once and kept until the server has stored it, over reconnects and a reload of the page.
   * @returns {string | null} its clientMessageId, null for empty text
   */
  send(text) {
    const content = text.trim();
    if (content === '') return null;
    this.#typing.reset();
    const clientMessageId = this.#sending.begin(content);
    this.#changed();
    return clientMessageId;
  }

  /** Sends a failed message again. */
  retry(clientMessageId) {
    const entry = this.messages.find((e) => e.clientMessageId === clientMessageId);
    if (entry?.state !== 'failed') return;
    this.#sending.retry(entry);
    this.#changed();
  }

  /** Gives a failed message up. */
  discard(clientMessageId) {
    this.#sending.discard(clientMessageId);
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
    const messageId = this.#reading.toEnd(this.messages);
    if (messageId === null) return;
    this.#unsentMark = messageId;
    this.#sendMark();
    this.#changed();
  }

  #sendMark() {
    if (this.#unsentMark && this.#send({ type: 'read', messageId: this.#unsentMark })) this.#unsentMark = null;
  }

  /** Loads the history and merges it into what is shown. Never throws: see `history`. */
  async loadHistory() {
    this.#reload = this.history === 'loading';
    if (this.#reload) return;
    this.history = 'loading';
    clearTimeout(this.#retry.timer);
    this.#changed();
    try {
      for (const data of await this.#link.fetchHistory(this.id)) this.#mergeHistory(data);
      this.timeline.dropFailed();
      this.history = 'loaded';
      this.#retry.attempt = 0;
    } catch {
      this.history = 'failed';
    }
    if (this.#reload) return this.loadHistory();
    if (this.history === 'failed') this.#loadAgain(); // what was missed may be in it
    if (this.history === 'loaded' && this.joined) this.#catchUp.lookBack();
    this.#changed();
  }

  #loadAgain() {
    if (!this.joined || this.#retry.attempt >= HISTORY_TRIES) return; // the next joining tries again
    this.#retry.timer = setTimeout(() => this.loadHistory(), 1_000 + backoff(this.#retry.attempt++));
  }

  /** The message that waits for the server's answer. @returns {import('./outbox.js').Item | null} */
  get inFlight() {
    return this.#sending.inFlight;
  }

  // ---- What ChatClient calls.

  failInFlight(code) {
    this._error({ clientMessageId: this.inFlight.clientMessageId, retryable: false, code });
  }

  handle(frame) {
    const handler = handlers[frame.type];
    if (handler) handler.call(this, frame);
  }

  lost() {
    this.joined = false;
    this.#catchUp.stop();
    this.present.clear();
    this.#typists.clear();
    this.#sending.stop();
    clearTimeout(this.#lapse);
    clearTimeout(this.#retry.timer);
    this.#changed();
  }

  /** The server does not know `resume`. */
  cannotResume() {
    this.#catchUp.refused();
  }

  // ---- Frames.

  _joined(frame) {
    this.joined = true;
    this.#retry.attempt = 0;
    this.present = new Map(pairs(frame.presence).map((p) => [p.userId, p]));
    for (const r of pairs(frame.read)) this.#reading.by.set(r.userId, r.messageId);
    // What was loaded before we listened may be short.
    if (this.#catchUp.head(frame) ? this.history !== 'none' : this.history === 'failed') this.loadHistory();
    else if (this.history === 'loaded') this.#catchUp.lookBack();
    for (const clientMessageId of this.#sending.joined(this.sender)) this.#fail({ clientMessageId }, 'OTHER_SENDER');
    this.#sendMark();
    this.dispatchEvent(new CustomEvent('joined'));
    this.#changed();
  }

  _message({ data, epoch, offset }) {
    if (typeof data?.id !== 'string') return;
    const { entry, isNew } = this.timeline.merge(data, { epoch, offset });
    // Its place in the log is as good as an ack that it is accepted; whether it is stored the ack says.
    if (entry.state === 'accepted') this.#sending.acked({ ...entry, status: 'accepted' });
    this.#typists.set(data.sender?.id, false);
    this.#catchUp.see(epoch, offset);
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
    const code = typeof data?.code === 'string' ? data.code : 'API_REJECTED';
    const entry = data ? this.#fail(data, code, { epoch, offset }) : null;
    if (entry?.local) this.#sending.refused({ clientMessageId: entry.clientMessageId, retryable: false, code });
    this.#catchUp.see(epoch, offset);
    this.#changed();
  }

  #fail(which, code, place) {
    const entry = this.timeline.fail(which, code, place);
    if (entry === null) return null;
    this.#reading.lost(this.messages, entry);
    this.dispatchEvent(new CustomEvent('failed', { detail: { entry } }));
    return entry;
  }

  _ack(frame) {
    this.timeline.ack(frame);
    this.#sending.acked(frame);
    this.#changed();
  }

  _error(frame) {
    const refused = this.#sending.refused(frame);
    if (!refused) {
      this.dispatchEvent(new CustomEvent('refused', { detail: { code: frame.code } }));
      return;
    }
    if (refused.code) this.#fail(refused, refused.code);
    this.#changed();
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
    if (data?.userId) this.#reading.by.set(data.userId, data.messageId);
    this.#changed();
  }

  _resumed(frame) {
    const lookedBack = this.#catchUp.resumed(frame);
    if (lookedBack) this.timeline.dropFailed(); // of before we came
    else if (this.history === 'loaded') this.#catchUp.lookBack();
    this.#changed();
  }

  #mergeHistory(data) {
    const { clientMessageId } = this.timeline.mergeStored(data).entry;
    if (clientMessageId) this.#sending.acked({ clientMessageId, status: 'stored' });
  }

  #send(frame) {
    return this.joined && this.#link.send({ ...frame, chatId: this.id });
  }

  #watchTypists() {
    clearTimeout(this.#lapse);
    const ms = this.#typists.nextLapse(Date.now());
    if (ms !== null) this.#lapse = setTimeout(() => (this.#changed(), this.#watchTypists()), ms + 10);
  }

  #changed() {
    this.dispatchEvent(new CustomEvent('change'));
  }
}

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
