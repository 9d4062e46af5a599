// What we say in one chat, from the composer to the last answer: shown in the timeline, kept in the outbox, sent when its
// turn comes.

import { newClientMessageId } from './outbox.js';
import { refuseContent } from './policy.js';

export class Sending {
  #outbox;
  #timeline;
  #chat;
  #link;
  #timer = null;

  /**
   * @param {{outbox: import('./outbox.js').Outbox, timeline: import('./timeline.js').Timeline, chat: {id: string, role: string},
   *   link: {isOpen: () => boolean, send: (frame: object) => boolean}}} p
   */
  constructor({ outbox, timeline, chat, link }) {
    this.#outbox = outbox;
    this.#timeline = timeline;
    this.#chat = chat;
    this.#link = link;
    for (const i of outbox.items) timeline.addLocal({ ...i, state: i.phase === 'queued' ? 'sending' : i.phase }); // of an earlier page
  }

  /** @param {string} content trimmed, not empty @returns {string} its clientMessageId */
  begin(content) {
    const item = { clientMessageId: newClientMessageId(), content, role: this.#chat.role, createdAt: Date.now(), sender: this.#chat.sender };
    const refused = refuseContent(content, JSON.stringify(this.#frameOf(item))) ?? (this.#outbox.add(item) ? null : 'OUTBOX_FULL');
    this.#timeline.addLocal(refused ? { ...item, state: 'failed', code: refused } : item);
    this.pump();
    return item.clientMessageId;
  }

  /**
   * Sends what failed again under its id; what was shown before it failed goes as a new message, since to the others its
   * old place is void.
   */
  retry(entry) {
    const { clientMessageId, content, offset } = entry;
    if (offset > 0 || this.#outbox.wasShown(clientMessageId)) {
      this.discard(clientMessageId);
      this.begin(content);
      return;
    }
    const again = { clientMessageId, content, role: this.#chat.role, createdAt: Date.now(), sender: this.#chat.sender };
    if (refuseContent(content, JSON.stringify(this.#frameOf(again)))) return; // it would be refused again
    if (!this.#outbox.retry(clientMessageId, Date.now(), this.#chat.sender) && !this.#outbox.add(again)) return;
    this.#timeline.retry(clientMessageId);
    this.pump();
  }

  discard(clientMessageId) {
    this.#outbox.discard(clientMessageId);
    this.#timeline.remove(clientMessageId);
  }

  /**
   * The chat can be spoken in, for the first time or again.
   * @param {string | null} sender whom the server takes our messages for
   * @returns {string[]} clientMessageIds of those that somebody else wrote here: they are not sent
   */
  joined(sender) {
    const others = this.#outbox.claim(sender);
    this.#outbox.reconnected();
    this.pump();
    return others;
  }

  /** @returns {number} messages that the server has not promised to store */
  get unsent() {
    return this.#outbox.items.filter((i) => !i.accepted).length;
  }

  /** The message that waits for an answer. @returns {import('./outbox.js').Item | null} */
  get inFlight() {
    return this.#outbox.inFlight();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** @param {{clientMessageId: string, id?: string, offset?: number, status: 'accepted' | 'stored'}} ack */
  acked(ack) {
    this.#outbox.acked(ack, Date.now());
    this.pump();
  }

  /**
   * An error that names a message, or that can only be about the one without an answer.
   * @returns {{clientMessageId: string, code: string | null} | null} code: it failed for good; null: it is about no message
   */
  refused(error) {
    const clientMessageId = error.clientMessageId ?? (aboutMessage.has(error.code) ? this.#outbox.inFlight()?.clientMessageId : undefined);
    if (!clientMessageId) return null;
    const code = this.#outbox.refused(clientMessageId, error, Date.now());
    this.pump();
    return { clientMessageId, code };
  }

  /** Sends what may go next, and looks again when there may be more to do. */
  pump() {
    clearTimeout(this.#timer);
    if (!this.#link.isOpen()) return;
    const next = this.#outbox.next(Date.now());
    if (!next) return;
    if (next.item && this.#link.send(this.#frameOf(next.item))) this.#outbox.sent(next.item, Date.now());
    const waitMs = next.waitMs ?? Math.max(50, next.item.notBefore - Date.now());
    this.#timer = setTimeout(() => this.pump(), waitMs);
  }

  #frameOf({ clientMessageId, content, role }) {
    return { type: 'message', chatId: this.#chat.id, content, role, clientMessageId };
  }
}

// Errors that can only be about the message in flight when they name none.
const aboutMessage = new Set(['CONTENT_TOO_LONG', 'MISSING_FIELD', 'ROLE_FORBIDDEN', 'API_REJECTED', 'API_UNAVAILABLE']);
