// Turns values into what people read. Pure: no DOM.

/**
 * Splits text at web addresses. Only http and https become links; nothing else ever does.
 * @returns {{text: string, href?: string}[]}
 */
export function linkify(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"'`]+/giu)) {
    const address = trimTail(match[0]);
    const href = safeHref(address);
    if (!href) continue;
    if (match.index > from) parts.push({ text: text.slice(from, match.index) });
    parts.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from) });
  return parts;
}

const OPENS = { ')': '(', ']': '[' };

// A sentence's full stop is not the address's, nor is a bracket that was opened before it.
function trimTail(address) {
  const surplus = Object.fromEntries(Object.entries(OPENS).map(([close, open]) => [close, count(address, close) - count(address, open)]));
  let end = address.length;
  for (; end > 0; end -= 1) {
    const last = address[end - 1];
    if (surplus[last] > 0) surplus[last] -= 1;
    else if (!'.,;:!?…*_'.includes(last)) break;
  }
  return address.slice(0, end);
}

const count = (text, character) => text.split(character).length - 1;

function safeHref(address) {
  try {
    const url = new URL(address);
    const web = url.protocol === 'https:' || url.protocol === 'http:';
    return web && url.username === '' && url.password === '' ? url.href : null; // no credentials that pose as a host
  } catch {
    return null;
  }
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** @param {string} timestamp RFC 3339; anything else gives '' */
export function timeOf(timestamp) {
  const at = new Date(timestamp);
  return Number.isNaN(at.getTime()) ? '' : clock.format(at);
}

export function dayOf(timestamp, now = new Date()) {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return '';
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  return days === 0 ? 'Today' : days === 1 ? 'Yesterday' : dayOfYear.format(at);
}

/** For a list: the time today, the day before that. */
export function whenOf(timestamp, now = new Date()) {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) return '';
  return midnight(now) === midnight(at) ? clock.format(at) : shortDay.format(at);
}

const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

/** @param {string} chatId */
export const visitorName = (chatId) => `Visitor ${chatId.replace(/[^a-z0-9]/gi, '').slice(-4).toUpperCase()}`;

export function initials(name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? words[0][0] + words.at(-1)[0] : name.trim().slice(0, 2);
  return letters.toUpperCase();
}

/** One of `n` stable choices for a text. */
export function pick(text, n) {
  let h = 0;
  for (const c of text) h = (h * 31 + c.codePointAt(0)) >>> 0;
  return h % n;
}

/** Why a message failed, in words for the person who wrote it. */
export function failureText(code) {
  switch (code) {
    case 'CONTENT_TOO_LONG': return 'Too long to send';
    case 'ROLE_FORBIDDEN': return 'Not allowed in this chat';
    case 'API_REJECTED': return 'Not delivered: refused';
    case 'CHAT_NOT_FOUND': return 'This chat no longer exists';
    case 'OUTBOX_FULL': return 'Too many unsent messages';
    case 'OTHER_SENDER': return 'Not sent: signed in as somebody else';
    case 'EXPIRED': return 'Not sent in time';
    default: return 'Not sent';
  }
}

/** @param {import('../client/connection.js').ConnectionState} state */
export function connectionText(state, now = Date.now()) {
  switch (state.status) {
    case 'open': return '';
    case 'reconnecting': {
      const s = Math.ceil((state.retryAt - now) / 1000);
      return s > 0 ? `Connection lost. Trying again in ${s} s.` : 'Connection lost. Trying again…';
    }
    case 'closed': return state.reason === 'token' ? 'This chat could not be opened.' : 'Disconnected.';
    default: return 'Connecting…';
  }
}
