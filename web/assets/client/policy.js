// Decisions about waiting and coming back, as pure functions: they take what happened and answer what to do.

/** Reconnecting: milliseconds. */
export const RECONNECT = Object.freeze({ base: 1_000, cap: 30_000 });
/** Sending a message again: milliseconds. */
export const RESEND = Object.freeze({ base: 500, cap: 30_000 });

/**
 * Exponential backoff with full jitter: anything from 0 to the cap of this attempt, so that clients which lost the
 * same server do not come back together.
 * @param {number} attempt 0 for the first try
 * @param {() => number} [random] in [0, 1)
 * @param {{base: number, cap: number}} [limits]
 * @returns {number} milliseconds
 */
export function backoff(attempt, random = Math.random, { base, cap } = RECONNECT) {
  const ceiling = Math.min(cap, base * 2 ** Math.min(attempt, 30));
  return Math.round(random() * ceiling);
}

const LIMITS_MIN_MS = 5_000; // 4008: we were the problem, so never come back sooner
const LIMITS_PENALTY = 3; // and wait as if this many more attempts had failed

/**
 * What a close code asks for. Unknown codes, 1006 among them, are treated as a lost connection.
 * @param {number} code
 * @returns {{retry: boolean, freshToken: boolean, limited: boolean}}
 */
export function afterClose(code) {
  return {
    retry: code !== 1000 && code !== 1009,
    freshToken: code === 4001 || code === 4002 || code === 4003,
    limited: code === 4008,
  };
}

/**
 * How long to wait before dialling again.
 * @param {{code: number, attempt: number, adviceMs?: number | null, random?: () => number}} p
 *   adviceMs is the server's own `reconnect` advice, which was given before a planned close
 * @returns {number} milliseconds
 */
export function reconnectDelay({ code, attempt, adviceMs = null, random = Math.random }) {
  if (adviceMs !== null) return Math.round(adviceMs + random() * Math.min(500, adviceMs));
  if (afterClose(code).limited) return LIMITS_MIN_MS + backoff(attempt + LIMITS_PENALTY, random);
  if (code === 4003 && attempt === 0) return Math.round(random() * 250); // a new token is all that it takes
  return backoff(attempt, random);
}

/**
 * What to do with a message that the server answered with an error frame.
 * @param {{retryable?: boolean, retryAfterMs?: number, code?: string}} error
 * @param {number} attempt how often it was sent before
 * @returns {{retry: true, delayMs: number} | {retry: false, code: string}}
 */
export function afterError(error, attempt, random = Math.random) {
  if (!error.retryable) return { retry: false, code: error.code ?? 'INTERNAL' };
  const delayMs = error.retryAfterMs > 0 ? error.retryAfterMs + random() * 250 : backoff(attempt, random, RESEND);
  return { retry: true, delayMs: Math.round(delayMs) };
}

/** Limits that the server holds, so that a message which cannot pass is refused before it is sent. */
export const LIMITS = Object.freeze({ content: 16_000, frameBytes: 64 * 1024 });

/**
 * @param {string} content trimmed
 * @param {string} frame the whole frame as JSON
 * @returns {string | null} an error code, null when it may be sent
 */
export function refuseContent(content, frame) {
  if (content === '') return 'MISSING_FIELD';
  if ([...content].length > LIMITS.content) return 'CONTENT_TOO_LONG';
  if (new TextEncoder().encode(frame).length > LIMITS.frameBytes) return 'CONTENT_TOO_LONG';
  return null;
}

/**
 * A token bucket, so that forty subscriptions after a reconnect stay under the server's rate limit.
 */
export class Pacer {
  #tokens;
  #at;
  constructor({ perSecond = 15, burst = 60, now = Date.now() } = {}) {
    this.perSecond = perSecond;
    this.burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** @returns {number} 0: send now (one is taken); otherwise milliseconds until one may be taken */
  take(now) {
    const gained = (Math.max(0, now - this.#at) / 1000) * this.perSecond;
    this.#tokens = Math.min(this.burst, this.#tokens + gained);
    this.#at = now;
    if (this.#tokens < 1) return Math.ceil(((1 - this.#tokens) / this.perSecond) * 1000);
    this.#tokens -= 1;
    return 0;
  }
}
