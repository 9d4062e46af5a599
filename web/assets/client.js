/**
 * Browser client of the Eclipse chat router. No dependency, one socket for any number of chats.
 *
 *     const client = new ChatClient({ tokenUrl: 'https://example.com/api/ws/token', chatId: 'abc' });
 *     client.chat.addEventListener('change', () => draw(client.chat.messages));
 *     client.connect();
 *     client.chat.loadHistory();
 *     client.chat.send('Hello');
 *
 * It reconnects by itself, never sends a token in a URL, keeps what was sent until the server has stored it, and
 * shows every message once whichever way it comes. It never throws out of a timer or an event.
 */

import { Chat } from './client/chat.js';
import { Connection } from './client/connection.js';
import { backoff } from './client/policy.js';
import { fillChatId, jsonRequest, senderOf, TokenError, tokenRequest, TokenSource } from './client/tokens.js';

export { Chat, TokenError };

const SUBSCRIBE_AT_ONCE = 6; // token requests in flight

/**
 * @typedef {object} ChatClientOptions
 * @property {string} [tokenUrl] answers {token, wsUrl?, userId?}; `{chatId}` in it is replaced, otherwise `?chatId=` is added
 * @property {(chatId: string) => Promise<string | {token: string, wsUrl?: string}>} [getToken] instead of tokenUrl
 * @property {string} [wsUrl] wins over the token answer's
 * @property {string} [historyUrl] answers {messages: […]}; default `/api/chats/{chatId}/messages` at tokenUrl's origin
 * @property {string} [chatId] the first chat
 * @property {'USER' | 'AGENT' | 'ASSISTANT'} [role] of the messages sent; default USER
 * @property {'visitor' | 'agent'} [as] sent to tokenUrl when set
 * @property {RequestCredentials} [credentials] of token and history requests; default same-origin
 * @property {Storage | null} [storage] for unsent messages; default sessionStorage
 * @property {typeof fetch} [fetch]
 * @property {typeof WebSocket} [WebSocket]
 */

/** Events (CustomEvent): `state` with a ConnectionState as detail, `frame` with every frame, for what is not covered here. */
export class ChatClient extends EventTarget {
  /** @type {Map<string, Chat>} the first is the one that opens the socket */
  chats = new Map();
  #options;
  #tokens;
  #connection;
  #canResume = true;
  #opener = null; // chatId of the token that opened the socket
  #waiting = []; // chats whose subscription is due
  #subscribing = 0;
  #retries = new Map(); // chatId → {attempt, timer}
  #unlisten = () => {};

  /** @param {ChatClientOptions} options */
  constructor(options) {
    super();
    this.#options = { role: 'USER', storage: defaultStorage(), ...options };
    if (!options.getToken && !options.tokenUrl) throw new TypeError('ChatClient needs tokenUrl or getToken');
    this.#tokens = new TokenSource(options.getToken ?? tokenRequest(options));
    this.#connection = new Connection({
      dial: (fresh) => this.#dial(fresh),
      onFrame: (frame) => this.#route(frame),
      onState: (state) => this.#onState(state),
    });
    if (options.chatId) this.subscribe(options.chatId);
  }

  /** @returns {Chat | undefined} the first chat */
  get chat() {
    return this.chats.values().next().value;
  }

  /** @returns {import('./client/connection.js').ConnectionState} */
  get state() {
    return this.#connection.state;
  }

  connect() {
    if (!this.chat) return;
    this.#listen();
    this.#connection.open();
  }

  close() {
    this.#unlisten();
    this.#connection.close();
  }

  /** Adds a chat to the socket, now and after every reconnect. The same id gives the same Chat. */
  subscribe(chatId) {
    const known = this.chats.get(chatId);
    if (known) return known;
    const { role, storage, as } = this.#options;
    const link = {
      send: (frame) => this.#connection.send(frame),
      canResume: () => this.#canResume,
      fetchHistory: (id) => this.#fetchHistory(id),
    };
    const chat = new Chat({ id: chatId, role, storage, scope: as ?? 'visitor', link });
    chat.addEventListener('refused', (e) => this.#refused(chat, e.detail.code));
    this.chats.set(chatId, chat);
    if (this.state.status === 'open') this.#want(chat);
    return chat;
  }

  unsubscribe(chatId) {
    const chat = this.chats.get(chatId);
    if (!chat) return;
    if (chat.joined) this.#connection.send({ type: 'unsubscribe', chatId });
    this.#calm(chatId);
    chat.lost();
    this.chats.delete(chatId);
    this.#tokens.forget(chatId);
  }

  async #dial(fresh) {
    const chatId = this.chat?.id;
    if (!chatId) throw new TokenError(404);
    const { token, wsUrl } = await this.#tokenFor(this.chat, fresh);
    const Socket = this.#options.WebSocket ?? WebSocket;
    this.#opener = chatId;
    return new Socket(this.#options.wsUrl ?? wsUrl ?? ownSocketUrl(), ['eclipse.v1', `bearer.${token}`]);
  }

  async #tokenFor(chat, fresh) {
    const answer = await this.#tokens.get(chat.id, { fresh });
    chat.userId = answer.userId ?? null;
    chat.sender = senderOf(answer.token);
    return answer;
  }

  async #fetchHistory(chatId) {
    const { credentials = 'same-origin', fetch = globalThis.fetch } = this.#options;
    const url = this.#historyUrl(chatId);
    const response = await fetch(url, jsonRequest(credentials));
    if (!response.ok) throw new Error(`history answered ${response.status}`);
    const { messages } = await response.json();
    return Array.isArray(messages) ? messages : [];
  }

  #historyUrl(chatId) {
    const { historyUrl, tokenUrl } = this.#options;
    if (historyUrl) return fillChatId(historyUrl, chatId);
    const page = globalThis.location?.href;
    return new URL(`/api/chats/${encodeURIComponent(chatId)}/messages`, tokenUrl ? new URL(tokenUrl, page) : page);
  }

  #route(frame) {
    if (frame.type === 'error' && frame.code === 'UNKNOWN_TYPE') return this.#unknownType();
    const chat = this.chats.get(frame.chatId ?? this.#opener);
    if (frame.type === 'token_expiring') this.#refresh(chat);
    if (frame.type === 'subscribed') this.#calm(frame.chatId);
    if (frame.type === 'unsubscribed' && chat) this.#want(chat); // not our wish, or the chat would not be here
    chat?.handle(frame);
    this.dispatchEvent(new CustomEvent('frame', { detail: frame }));
  }

  // `resume` is the only type that a server of this protocol may not know yet.
  #unknownType() {
    this.#canResume = false;
    for (const chat of this.chats.values()) chat.cannotResume();
  }

  #onState(state) {
    if (state.status === 'open') {
      for (const chat of this.chats.values()) if (chat.id !== this.#opener) this.#want(chat);
    } else {
      this.#waiting = [];
      for (const id of this.#retries.keys()) this.#calm(id);
      for (const chat of this.chats.values()) if (chat.joined) chat.lost();
    }
    if (state.reason === 'too_large' && this.#dropTooLarge()) {
      this.#connection.open();
      return;
    }
    this.dispatchEvent(new CustomEvent('state', { detail: state }));
  }

  // The server closes the socket for a frame that is too large: that was the longest message without an answer. Sent again it
  // would take all chats down again.
  #dropTooLarge() {
    const flying = [...this.chats.values()].filter((c) => c.inFlight);
    if (flying.length === 0) return false;
    flying.reduce((a, b) => (b.inFlight.content.length > a.inFlight.content.length ? b : a)).failInFlight('CONTENT_TOO_LONG');
    return true;
  }

  #want(chat) {
    chat.joined = false;
    if (!this.#waiting.includes(chat)) this.#waiting.push(chat);
    this.#subscribeNext();
  }

  async #subscribeNext() {
    if (this.#subscribing >= SUBSCRIBE_AT_ONCE) return;
    const chat = this.#waiting.shift();
    if (!chat) return;
    this.#subscribing += 1;
    try {
      const { token } = await this.#tokenFor(chat, false);
      if (this.chats.has(chat.id)) this.#connection.send({ type: 'subscribe', chatId: chat.id, token });
    } catch (error) {
      if (error.final) chat.dispatchEvent(new CustomEvent('refused', { detail: { code: 'TOKEN_REFUSED' } })); // and asked for again
      else this.#again(chat);
    } finally {
      this.#subscribing -= 1;
      this.#subscribeNext();
    }
    this.#subscribeNext();
  }

  #refused(chat, code) {
    if (chat.joined && code !== 'NOT_SUBSCRIBED') return;
    if (code === 'TOKEN_INVALID') this.#tokens.forget(chat.id);
    if (code !== 'CHAT_NOT_FOUND') this.#again(chat);
  }

  #again(chat) {
    const { attempt = 0, timer } = this.#retries.get(chat.id) ?? {};
    clearTimeout(timer);
    const retry = () => this.state.status === 'open' && this.chats.has(chat.id) && this.#want(chat);
    this.#retries.set(chat.id, { attempt: attempt + 1, timer: setTimeout(retry, 200 + backoff(attempt)) });
  }

  #calm(chatId) {
    clearTimeout(this.#retries.get(chatId)?.timer);
    this.#retries.delete(chatId);
  }

  async #refresh(chat) {
    if (!chat) return;
    try {
      const { token } = await this.#tokenFor(chat, true);
      this.#connection.send({ type: 'auth', chatId: chat.id, token });
    } catch {
      this.#tokens.forget(chat.id); // the socket closes with 4003 and the next attempt asks again
    }
  }

  #listen() {
    this.#unlisten();
    if (typeof window === 'undefined') return;
    const stop = new AbortController();
    const on = (target, type, f) => target.addEventListener(type, f, { signal: stop.signal });
    on(window, 'online', () => this.#connection.nudge());
    on(window, 'offline', () => this.#connection.suspect()); // a hint only: a local server needs no network
    on(document, 'visibilitychange', () => this.#visibility());
    on(window, 'pagehide', (e) => e.persisted && this.#connection.close('hidden'));
    on(window, 'pageshow', (e) => e.persisted && this.#connection.open());
    this.#unlisten = () => stop.abort();
  }

  #visibility() {
    if (document.visibilityState === 'visible') return this.#connection.nudge();
    for (const chat of this.chats.values()) chat.stopTyping();
  }
}

function defaultStorage() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    return null; // forbidden in this context
  }
}

function ownSocketUrl() {
  const url = new URL('/ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
