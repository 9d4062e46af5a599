// Who has read how far: our own mark, the marks of others, and what follows from them.

export class Reading {
  /** Last message of others that was read here. @type {string | null} */
  last = null;
  /** @type {Map<string, string>} last message read, by userId */
  by = new Map();
  #isMine;

  /** @param {(entry: import('./timeline.js').Entry) => boolean} isMine */
  constructor(isMine) {
    this.#isMine = isMine;
  }

  /** @returns {number} messages of others after the last one read */
  unread(list) {
    const read = list.findLastIndex((e) => e.id !== null && e.id === this.last);
    return list.slice(read + 1).filter((e) => this.#counts(e)).length;
  }

  /** @returns {boolean} whether somebody has read a message of ours: each side marks only what the other side wrote */
  isSeen(list, entry) {
    const marks = new Set(this.by.values());
    return list.slice(list.indexOf(entry)).some((e) => marks.has(e.id) && this.#isMine(e));
  }

  /** Moves our mark to the end. @returns {string | null} the message to tell others of, null when that is no news */
  toEnd(list) {
    const end = list.findLast((e) => this.#counts(e));
    if (!end || end.id === this.last) return null;
    return (this.last = end.id);
  }

  /** A message will not be stored. Our mark must not hang on it: no history would have it, and all would be unread. */
  lost(list, entry) {
    if (entry.id === null || entry.id !== this.last) return;
    this.last = list.slice(0, list.indexOf(entry)).findLast((e) => this.#counts(e))?.id ?? null;
  }

  // What others wrote and what will still be there after a reload.
  #counts(entry) {
    return entry.kind === 'message' && entry.id !== null && entry.state !== 'failed' && !this.#isMine(entry);
  }
}
