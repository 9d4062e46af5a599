// Where tokens come from: one request per chat at a time, kept until shortly before they expire.

const REQUEST_MS = 15_000; // a request that takes longer has failed: a phone between two cells may hang for minutes
const MARGIN_MS = 90_000; // the server warns 60 s before the end; a token with less left is not worth opening with

/**
 * @typedef {object} Token
 * @property {string} token the JWT
 * @property {string} [wsUrl]
 * @property {string} [userId]
 */

/**
 * A token request that failed. `final`: asking again will not help until something changes. `ours`: the app itself said so, with
 * `error` in its answer, and no proxy or deployment in between.
 */
export class TokenError extends Error {
  constructor(status, ours = false) {
    super(status ? `token request answered ${status}` : 'token request failed');
    this.status = status;
    this.ours = ours;
    this.final = status >= 400 && status < 500 && ![408, 425, 429].includes(status);
  }
}

export class TokenSource {
  #request;
  #kept = new Map(); // chatId → {token, until}
  #pending = new Map(); // chatId → promise

  /** @param {(chatId: string) => Promise<Token>} request */
  constructor(request) {
    this.#request = request;
  }

  /** @returns {Promise<Token>} */
  get(chatId, { fresh = false, now = Date.now() } = {}) {
    const kept = this.#kept.get(chatId);
    if (!fresh && kept && kept.until > now) return Promise.resolve(kept.token);
    const running = this.#pending.get(chatId);
    if (running) return running;
    const asked = this.#ask(chatId).finally(() => this.#pending.delete(chatId));
    this.#pending.set(chatId, asked);
    return asked;
  }

  forget(chatId) {
    this.#kept.delete(chatId);
  }

  async #ask(chatId) {
    const answer = await inTime(this.#request(chatId));
    const token = typeof answer === 'string' ? { token: answer } : answer;
    if (!token?.token) throw new TokenError(0);
    this.#kept.set(chatId, { token, until: expiry(token.token) - MARGIN_MS });
    return token;
  }
}

/**
 * Asks a URL. `{chatId}` in it is replaced; without it `?chatId=` is added.
 * @param {{tokenUrl: string, as?: string, credentials?: RequestCredentials, fetch?: typeof fetch}} p
 */
export function tokenRequest({ tokenUrl, as, credentials = 'same-origin', fetch = globalThis.fetch }) {
  return async (chatId) => {
    const url = fillChatId(tokenUrl, chatId);
    if (as) url.searchParams.set('as', as);
    let response;
    try {
      response = await fetch(url, jsonRequest(credentials));
    } catch {
      throw new TokenError(0);
    }
    if (!response.ok) throw new TokenError(response.status, await saysError(response));
    return response.json();
  };
}

/** @returns {AbortSignal | undefined} for a request, undefined where the browser has none */
export const timeLimit = () => AbortSignal.timeout?.(REQUEST_MS);

/** @param {RequestCredentials} credentials @returns {RequestInit} of a request for JSON that is always asked for anew */
export const jsonRequest = (credentials) => ({ credentials, cache: 'no-store', headers: { Accept: 'application/json' }, signal: timeLimit() });

// Also holds where the page asks for tokens in its own way.
function inTime(promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new TokenError(0)), REQUEST_MS)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function saysError(response) {
  try {
    return typeof (await response.json()).error === 'string';
  } catch {
    return false;
  }
}

export function fillChatId(template, chatId) {
  const base = globalThis.location?.href;
  if (template.includes('{chatId}')) return new URL(template.replaceAll('{chatId}', encodeURIComponent(chatId)), base);
  const url = new URL(template, base);
  url.searchParams.set('chatId', chatId);
  return url;
}

/** @returns {number} ms; the end of time for a token that we cannot read, since only the server judges it */
export function expiry(jwt) {
  const { exp } = claimsOf(jwt);
  return Number.isFinite(exp) ? exp * 1000 : Infinity;
}

/**
 * Whom the server takes a message for that is sent with a token: all anonymous visitors of a chat are one.
 * @returns {string | null} null for a token that we cannot read
 */
export function senderOf(jwt) {
  const { userId, isAuthenticated } = claimsOf(jwt);
  if (typeof userId !== 'string') return null;
  return isAuthenticated === true ? `user:${userId}` : 'anonymous';
}

function claimsOf(jwt) {
  try {
    const bytes = Uint8Array.from(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}
