// When to tell others that we type: at once, then at most every two seconds, and an end after four idle ones.

const EVERY_MS = 2_000;
const IDLE_MS = 4_000;

export class TypingSender {
  #send;
  #now;
  #lastAt = -Infinity;
  #idle = null;

  /** @param {(isTyping: boolean) => void} send */
  constructor(send, now = () => Date.now()) {
    this.#send = send;
    this.#now = now;
  }

  /** Call on every change of the text. */
  input() {
    if (this.#now() - this.#lastAt >= EVERY_MS) {
      this.#lastAt = this.#now();
      this.#send(true);
    }
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
  }

  /** The text is empty, or the field was left. */
  stop() {
    if (this.reset()) this.#send(false);
  }

  /** A message went out, which ends typing on the server by itself. @returns {boolean} whether we were typing */
  reset() {
    const was = this.#idle !== null;
    clearTimeout(this.#idle);
    this.#idle = null;
    this.#lastAt = -Infinity;
    return was;
  }
}

const SHOWN_MS = 7_000; // the server ends it after six seconds; this is for an end that was lost

/** Who types at the moment. */
export class Typists {
  #until = new Map();

  set(userId, isTyping, now) {
    if (isTyping) this.#until.set(userId, now + SHOWN_MS);
    else this.#until.delete(userId);
  }

  clear() {
    this.#until.clear();
  }

  /** @returns {string[]} userIds */
  active(now) {
    for (const [id, until] of this.#until) if (until <= now) this.#until.delete(id);
    return [...this.#until.keys()];
  }

  /** @returns {number | null} milliseconds until the next one lapses */
  nextLapse(now) {
    const next = Math.min(...this.#until.values());
    return Number.isFinite(next) ? Math.max(0, next - now) : null;
  }
}
