// Where we are in a chat's log. Offsets run 1, 2, 3 … without holes inside an epoch; the greater epoch wins.

const MAX_AHEAD = 1_000; // offsets remembered beyond a hole; more than that is a resume anyway

export class Sequence {
  /** @type {string | null} null until the first position is known */
  epoch = null;
  offset = 0;
  #ahead = new Set();
  #highest = { epoch: '', offset: 0 };

  /**
   * Notes a frame's place. The position moves only over what is complete, so that a hole stays visible after a
   * reconnect: what came beyond it is remembered and counted in once the hole is filled.
   * @returns {'next' | 'known' | 'hole'} hole: something before this frame (or a whole epoch) is missing
   */
  see(epoch, offset) {
    this.note(epoch, offset);
    if (this.epoch === null) return this.moveTo(epoch, offset), 'next';
    if (epoch < this.epoch) return 'known';
    if (epoch === this.epoch && offset <= this.offset) return 'known';
    if (this.#ahead.size < MAX_AHEAD) this.#ahead.add(key(epoch, offset));
    if (epoch > this.epoch || offset > this.offset + 1) return 'hole';
    this.#advance();
    return 'next';
  }

  /** Hears how far the log goes, without having what is there. */
  note(epoch, offset) {
    const { epoch: e, offset: o } = this.#highest;
    if (epoch > e || (epoch === e && offset > o)) this.#highest = { epoch, offset };
  }

  /** Gives holes up: everything that was ever heard of is known by other means. */
  settle() {
    if (this.#highest.epoch !== '') this.moveTo(this.#highest.epoch, this.#highest.offset);
  }

  /** Takes a position over from the server, when everything before it is known. Never goes back. */
  moveTo(epoch, offset) {
    if (this.epoch !== null && (epoch < this.epoch || (epoch === this.epoch && offset < this.offset))) return;
    if (epoch !== this.epoch) this.#forget(epoch);
    this.note(epoch, offset);
    this.epoch = epoch;
    this.offset = offset;
    this.#advance();
  }

  /** @returns {boolean} whether the server's head is where we are */
  isAt(epoch, offset) {
    return this.epoch === epoch && this.offset === offset;
  }

  #advance() {
    while (this.#ahead.delete(key(this.epoch, this.offset + 1))) this.offset += 1;
  }

  #forget(keep) {
    for (const k of this.#ahead) if (!k.startsWith(keep + ':')) this.#ahead.delete(k);
  }
}

const key = (epoch, offset) => `${epoch}:${offset}`;
