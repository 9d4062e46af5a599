// What a browser remembers between visits. Without storage (private mode, a policy) everything lasts one page.

function local() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

function read(key) {
  try {
    return local()?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    if (value === null) local()?.removeItem(key);
    else local()?.setItem(key, value);
  } catch {
    // Full or forbidden: the next visit begins anew.
  }
}

/**
 * The chat of this browser at an API.
 * @param {string} apiBase
 * @param {string} [given] the site's own chat id, which is used and never kept
 */
export function keptChat(apiBase, given) {
  const key = `eclipse:chat:${apiBase}`;
  return {
    id: given ?? read(key),
    /** whether the id is one that the widget made */
    created: given === undefined,
    /** The id, as another tab may have kept it meanwhile. @returns {string | null} */
    again() {
      if (given === undefined) this.id = read(key) ?? this.id;
      return this.id;
    },
    /** @returns {string} the id */
    keep(id) {
      this.id = id;
      write(key, id);
      return id;
    },
    drop() {
      this.id = null;
      write(key, null);
    },
  };
}

/** Runs f in one tab of a site at a time, where the browser can. @template T @param {() => Promise<T>} f @returns {Promise<T>} */
export const exclusively = (name, f) => globalThis.navigator?.locks?.request(name, f) ?? f();

/** The last message that was read in a chat. */
export function keptRead(chatId) {
  const key = `eclipse:read:${chatId}`;
  let kept = read(key);
  return {
    get: () => kept,
    set(id) {
      if (id === kept) return;
      kept = id;
      write(key, id);
    },
  };
}

/** A JSON value under a key; anything that is not of the wanted shape reads as the default. */
export function keptJson(key, initial) {
  let value = initial;
  try {
    value = JSON.parse(read(key)) ?? initial;
  } catch {
    // Not ours: replaced by the next set.
  }
  return { get: () => value, set: (v) => write(key, JSON.stringify((value = v))) };
}
