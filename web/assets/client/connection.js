// One WebSocket that comes back: it dials, paces, checks that the other side lives, and waits as policy.js says.

import { afterClose, Pacer, reconnectDelay } from './policy.js';

const HANDSHAKE_MS = 10_000; // from dialling to the `connected` frame
const QUIET_MS = 25_000; // nothing heard for so long: ping
const PONG_MS = 8_000; // and nothing after the ping either: the connection is dead
const STABLE_MS = 5_000; // open for so long: the next failure begins at the first backoff step again
const MAX_QUEUED = 500; // frames that wait for the pacer; more is a fault of the caller

/**
 * @typedef {'idle' | 'connecting' | 'open' | 'reconnecting' | 'closed'} Status
 * @typedef {object} ConnectionState
 * @property {Status} status
 * @property {number} [retryAt] ms since 1970, while reconnecting
 * @property {string} [reason] why it is closed: done | too_large | token | stopped
 * @property {number} [httpStatus] of the token request, when that is the reason
 * @property {boolean} [gone] the app itself says that there is no such chat
 */

export class Connection {
  /** @type {ConnectionState} */
  state = { status: 'idle' };
  #dial;
  #on;
  #socket = null;
  #generation = 0; // a late answer of an earlier attempt is not ours
  #attempt = 0;
  #adviceMs = null;
  #freshToken = false;
  #openedAt = 0;
  #heardAt = 0;
  #timers = {};
  #queue = [];
  #pacer = new Pacer();

  /**
   * @param {{dial: (fresh: boolean) => Promise<WebSocket>, onFrame: (frame: object) => void, onState: (s: ConnectionState) => void}} p
   *   dial gets a token and returns a socket that is being opened
   */
  constructor({ dial, onFrame, onState }) {
    this.#dial = dial;
    this.#on = { frame: onFrame, state: onState };
  }

  open() {
    if (this.state.status === 'connecting' || this.state.status === 'open') return;
    this.#connect();
  }

  /** Closes for good, until open() is called. */
  close(reason = 'stopped') {
    this.#generation += 1;
    this.#drop();
    this.#attempt = 0;
    this.#become({ status: 'closed', reason });
  }

  /** The network came back or the page is looked at again: do not sit out the wait, and do not trust a silent socket. */
  nudge() {
    if (this.state.status === 'reconnecting') this.#connect();
    else if (this.state.status === 'open' && Date.now() - this.#heardAt > 5_000) this.#probe();
  }

  /** The network seems gone: find out now instead of at the next ping. */
  suspect() {
    if (this.state.status === 'open') this.#probe();
  }

  /** @returns {boolean} false when there is no open connection: the frame was not taken */
  send(frame) {
    if (this.state.status !== 'open' || this.#queue.length >= MAX_QUEUED) return false;
    this.#queue.push(JSON.stringify(frame));
    this.#flush();
    return true;
  }

  #flush() {
    clearTimeout(this.#timers.flush);
    while (this.#queue.length > 0 && this.#socket?.readyState === 1) {
      const waitMs = this.#pacer.take(Date.now());
      if (waitMs > 0) {
        this.#timers.flush = setTimeout(() => this.#flush(), waitMs);
        return;
      }
      this.#socket.send(this.#queue.shift());
    }
  }

  async #connect() {
    const generation = ++this.#generation;
    this.#drop();
    this.#become({ status: 'connecting' });
    let socket;
    try {
      socket = await this.#dial(this.#freshToken);
    } catch (error) {
      if (generation === this.#generation) this.#failed(error);
      return;
    }
    if (generation !== this.#generation) return socket.close();
    this.#freshToken = false;
    this.#socket = socket;
    socket.onmessage = (e) => this.#heard(e.data);
    socket.onclose = (e) => this.#closed(e.code);
    this.#timers.handshake = setTimeout(() => this.#lost(), HANDSHAKE_MS);
  }

  #failed(error) {
    if (error?.final) {
      const gone = error.status === 404 && error.ours;
      return this.#become({ status: 'closed', reason: 'token', httpStatus: error.status, ...(gone ? { gone } : {}) });
    }
    this.#wait(1006);
  }

  #heard(text) {
    this.#heardAt = Date.now();
    clearTimeout(this.#timers.pong);
    let frame;
    try {
      frame = JSON.parse(text);
    } catch {
      return; // not ours: every frame of this protocol is JSON
    }
    if (frame === null || typeof frame !== 'object') return;
    if (frame.type === 'connected') this.#connected();
    if (frame.type === 'reconnect') this.#adviceMs = Math.max(0, Number(frame.afterMs) || 0);
    this.#on.frame(frame);
  }

  #connected() {
    clearTimeout(this.#timers.handshake);
    this.#openedAt = Date.now();
    this.#pacer = new Pacer();
    this.#timers.alive = setInterval(() => this.#checkAlive(), QUIET_MS / 2);
    this.#become({ status: 'open' });
  }

  #checkAlive() {
    if (Date.now() - this.#heardAt >= QUIET_MS) this.#probe();
  }

  #probe() {
    clearTimeout(this.#timers.pong);
    this.#timers.pong = setTimeout(() => this.#lost(), PONG_MS);
    this.send({ type: 'ping' });
  }

  // Does not wait for the closing handshake of a peer that may be gone.
  #lost() {
    this.#closed(1006);
  }

  #closed(code) {
    const wasOpen = this.state.status === 'open';
    if (wasOpen && Date.now() - this.#openedAt >= STABLE_MS) this.#attempt = 0;
    this.#drop();
    const next = afterClose(code);
    if (!next.retry) return this.#become({ status: 'closed', reason: code === 1009 ? 'too_large' : 'done' });
    this.#freshToken ||= next.freshToken;
    this.#wait(code);
  }

  #wait(code) {
    const delay = reconnectDelay({ code, attempt: this.#attempt, adviceMs: this.#adviceMs });
    this.#adviceMs = null;
    this.#attempt += 1;
    this.#timers.retry = setTimeout(() => this.#connect(), delay);
    this.#become({ status: 'reconnecting', retryAt: Date.now() + delay });
  }

  #drop() {
    for (const t of Object.values(this.#timers)) clearTimeout(t); // also clears the interval
    this.#timers = {};
    this.#queue = [];
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #become(state) {
    this.state = state;
    this.#on.state(state);
  }
}
