// Keeps one chat complete: notices what was missed, asks for it, and loads the history where asking does not help.

import { Sequence } from './sequence.js';

const RESUME_MS = 5_000; // no `resumed` for so long: load the history instead
const LOOK_BACK = 50; // entries of the log that are asked for beside the history

export class CatchUp {
  #sequence = new Sequence();
  #ask;
  #reload;
  #timer = null;
  #asking = false;
  #first = null; // the head that we heard of first
  #lookingBack = false;
  #blind = false; // connected before the log's head was known, so what came before the next frame may be missing

  /**
   * @param {{ask: (position: {epoch: string, offset: number}) => boolean, reload: () => void}} p
   *   ask sends a resume, false where that cannot be; reload loads the history
   */
  constructor({ ask, reload }) {
    this.#ask = ask;
    this.#reload = reload;
  }

  /**
   * The log's head as `connected` or `subscribed` told it. An empty epoch says that the server does not know it yet.
   * @returns {boolean} whether it is the first that we hear of this log
   */
  head({ epoch, offset }) {
    if (typeof epoch !== 'string') return false;
    const first = this.#sequence.epoch === null;
    this.#blind = first && epoch === '';
    if (this.#blind) return true;
    if (first) this.#first = { epoch, offset };
    if (first) this.#sequence.moveTo(epoch, offset);
    this.#sequence.note(epoch, offset);
    if (!this.#sequence.isAt(epoch, offset)) this.#resume();
    return first;
  }

  /** A sequenced frame arrived. */
  see(epoch, offset) {
    if (typeof epoch !== 'string' || epoch === '' || !(offset > 0)) return;
    if (this.#sequence.see(epoch, offset) === 'hole') this.#resume();
    if (!this.#blind) return;
    this.#blind = false;
    this.#first = { epoch, offset: offset - 1 };
    this.#reload();
  }

  /**
   * The history was loaded. What others have said and what is shown, but not stored yet, only the log has: so the last of
   * what it had before we came is asked for too, once.
   */
  lookBack() {
    if (this.#first === null || this.#asking) return;
    const { epoch, offset } = this.#first;
    if (epoch !== this.#sequence.epoch || offset === 0) {
      this.#first = null;
      return;
    }
    this.#lookingBack = true;
    this.#resume({ epoch, offset: Math.max(0, offset - LOOK_BACK) });
  }

  /** The `resumed` frame. @returns {boolean} whether it ends a look back */
  resumed({ recovered, epoch, offset }) {
    const lookedBack = this.#lookingBack;
    if (lookedBack) this.#first = null; // a connection that is lost before leaves it to the next
    this.stop();
    if (typeof epoch === 'string' && epoch !== '') this.#sequence.moveTo(epoch, offset);
    else this.#sequence.settle(); // the history holds everything up to here
    this.#blind = false;
    if (recovered !== true) this.#reload();
    return lookedBack;
  }

  /** The server does not know `resume`. */
  refused() {
    if (this.#asking) this.resumed({ recovered: false });
  }

  /** The connection is gone, and the question with it. */
  stop() {
    clearTimeout(this.#timer);
    this.#asking = false;
    this.#lookingBack = false;
  }

  #resume({ epoch, offset } = this.#sequence) {
    if (this.#asking) return;
    this.#asking = true;
    this.#timer = setTimeout(() => this.refused(), RESUME_MS);
    if (!this.#ask({ epoch, offset })) this.refused();
  }
}
