// Where tokens come from: one request per chat at a time, kept until shortly before they expire.

const MARGIN_MS = 90_000; // the server warns 60 s before the end; a token with less left is not worth opening with

/**
 * @typedef {object} Token
 * @property {string} token the JWT
 * @property {string} [wsUrl]
 * @property {string} [userId]
 */

/** A token request that failed. `final`: asking again will not help until something changes. */
export class TokenError extends Error {
  constructor(status) {
    super(status ? `token request answered ${status}` : 'token request failed');
    this.status = status;
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
    const answer = await this.#request(chatId);
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
      response = await fetch(url, { credentials, cache: 'no-store', headers: { Accept: 'application/json' } });
    } catch {
      throw new TokenError(0);
    }
    if (!response.ok) throw new TokenError(response.status);
    return response.json();
  };
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
  try {
    const body = JSON.parse(atob(jwt.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return Number.isFinite(body.exp) ? body.exp * 1000 : Infinity;
  } catch {
    return Infinity;
  }
}
