// Keeps one chat complete: notices what was missed, asks for it, and loads the history where asking does not help.

import { Sequence } from './sequence.js';

const RESUME_MS = 5_000; // no `resumed` for so long: load the history instead

export class CatchUp {
  #sequence = new Sequence();
  #ask;
  #reload;
  #timer = null;
  #asking = false;

  /**
   * @param {{ask: (position: {epoch: string, offset: number}) => boolean, reload: () => void}} p
   *   ask sends a resume, false where that cannot be; reload loads the history
   */
  constructor({ ask, reload }) {
    this.#ask = ask;
    this.#reload = reload;
  }

  /**
   * The log's head as `connected` or `subscribed` told it.
   * @returns {boolean} whether it is the first that we hear of this log
   */
  head({ epoch, offset }) {
    if (typeof epoch !== 'string') return false;
    const first = this.#sequence.epoch === null;
    if (first) this.#sequence.moveTo(epoch, offset);
    this.#sequence.note(epoch, offset);
    if (!this.#sequence.isAt(epoch, offset)) this.#resume();
    return first;
  }

  /** A sequenced frame arrived. */
  see(epoch, offset) {
    if (typeof epoch !== 'string' || !(offset > 0)) return;
    if (this.#sequence.see(epoch, offset) === 'hole') this.#resume();
  }

  /** The `resumed` frame. */
  resumed({ recovered, epoch, offset }) {
    this.stop();
    if (typeof epoch === 'string') this.#sequence.moveTo(epoch, offset);
    else this.#sequence.settle(); // the history holds everything up to here
    if (recovered !== true) this.#reload();
  }

  /** The server does not know `resume`. */
  refused() {
    if (this.#asking) this.resumed({ recovered: false });
  }

  /** The connection is gone, and the question with it. */
  stop() {
    clearTimeout(this.#timer);
    this.#asking = false;
  }

  #resume() {
    if (this.#asking) return;
    this.#asking = true;
    this.#timer = setTimeout(() => this.refused(), RESUME_MS);
    const { epoch, offset } = this.#sequence;
    if (!this.#ask({ epoch, offset })) this.refused();
  }
}
