// The conversation: log, typing line and composer of one chat. The widget and the agents' view both use it.

import { composing, h, icons, setText } from './dom.js';
import { dayOf } from './text.js';
import { messageNode, updateMessage, stateText } from './message.js';

const NEAR_END_PX = 80; // closer to the end than this counts as reading along

/**
 * @typedef {object} Words
 * @property {string} log label of the log
 * @property {string} placeholder
 * @property {string} empty shown when there is no message
 * @property {(chat: object) => string} typing who types, '' for nobody
 */

export class Conversation {
  /** The element to put somewhere. */
  element;
  #words;
  #chat = null;
  #stop = null;
  #nodes = new Map(); // entry key → li
  #days = new Map(); // day → li
  #drafts = new Map(); // chatId → text
  #known = 0; // how many messages of others had come when the reader was last at the end
  #submits = false; // Enter was pressed before there was a chat
  #following = true; // the reader is at the end, and new messages keep them there
  #frame = 0;
  #list; #empty; #historyNote; #scroller; #jump; #jumpText; #typingLine; #input; #button;

  /** @param {Words} words */
  constructor(words) {
    this.#words = words;
    this.#build();
  }

  /** Shows a chat, or none. Each chat keeps its draft; what was written before there was one is the first one's. */
  show(chat) {
    const written = this.#chat ? '' : this.#input.value;
    this.#leave();
    this.#chat = chat;
    if (!chat) return;
    this.#stop = new AbortController();
    chat.addEventListener('change', () => this.#schedule(), { signal: this.#stop.signal });
    document.addEventListener('visibilitychange', () => this.#markRead(), { signal: this.#stop.signal });
    this.#input.value = this.#drafts.get(chat.id) ?? written;
    this.#following = true;
    this.#fit();
    this.#render();
    if (this.#submits) this.#submit();
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  /** Call when the element becomes visible: a hidden one has no height to scroll in. */
  shown() {
    if (this.#following) this.#toEnd();
    this.#markRead();
  }

  #build() {
    this.#list = h('ol', { class: 'log' });
    this.#empty = h('p', { class: 'empty', 'data-testid': 'empty' });
    this.#historyNote = h('p', { class: 'note', 'data-testid': 'history-state' });
    this.#scroller = h('div', {
      class: 'scroller', role: 'log', 'aria-label': this.#words.log, 'aria-live': 'polite', tabindex: '0', 'data-testid': 'log',
      onscroll: () => this.#scrolled(),
    }, this.#historyNote, this.#empty, this.#list);
    this.#jumpText = h('span');
    this.#jump = h('button', { class: 'jump', type: 'button', hidden: true, 'data-testid': 'jump', onclick: () => this.#catchUp() },
      this.#jumpText, icons.down());
    this.#typingLine = h('p', { class: 'typing', 'aria-live': 'polite', 'data-testid': 'typing' });
    this.element = h('div', { class: 'conversation' },
      h('div', { class: 'stage' }, this.#scroller, this.#jump), this.#typingLine, this.#composer());
  }

  #composer() {
    this.#input = h('textarea', {
      rows: '1', 'aria-label': this.#words.placeholder, placeholder: this.#words.placeholder, enterkeyhint: 'send',
      'data-testid': 'composer', oninput: () => this.#typed(), onkeydown: (e) => this.#key(e), onblur: () => this.#chat?.stopTyping(),
    });
    this.#button = h('button', { class: 'send', type: 'submit', 'aria-label': 'Send', 'data-testid': 'send' }, icons.send());
    return h('form', { class: 'composer', onsubmit: (e) => (e.preventDefault(), this.#submit()) }, this.#input, this.#button);
  }

  #key(e) {
    if (e.key !== 'Enter' || e.shiftKey || composing(e)) return;
    e.preventDefault();
    this.#submit();
  }

  #typed() {
    this.#chat?.typingInput(this.#input.value);
    this.#fit();
  }

  #submit() {
    this.#submits = this.#chat === null;
    if (!this.#chat?.send(this.#input.value)) return;
    this.#input.value = '';
    this.#following = true;
    this.#fit();
    this.#render();
    this.focus();
  }

  #fit() {
    this.#input.style.height = 'auto';
    const { scrollHeight } = this.#input;
    this.#input.style.height = scrollHeight > 0 ? `${scrollHeight + 2}px` : '';
    this.#button.classList.toggle('ready', this.#input.value.trim() !== '');
  }

  // One drawing per frame, however many frames came from the server meanwhile. A hidden page gets no animation frame.
  #schedule() {
    if (this.#frame !== 0) return;
    const draw = () => ((this.#frame = 0), this.#render());
    this.#frame = document.hidden ? setTimeout(draw, 50) : requestAnimationFrame(draw);
  }

  #render() {
    const chat = this.#chat;
    if (!chat) return;
    const entries = chat.messages;
    this.#draw(entries);
    const loading = chat.history === 'loading' && entries.length === 0;
    this.#empty.hidden = entries.length > 0 || loading;
    setText(this.#empty, this.#words.empty);
    this.#drawHistoryNote(chat, loading);
    setText(this.#typingLine, this.#words.typing(chat));
    this.#scroller.setAttribute('aria-busy', String(loading));
    if (this.#following) this.#toEnd();
    this.#drawJump(entries);
    this.#markRead();
  }

  #draw(entries) {
    const keep = new Set();
    const wanted = [];
    let before = null;
    for (const entry of entries) {
      const day = dayOf(entry.timestamp);
      if (day && day !== before?.day) wanted.push(this.#day(day, keep));
      const view = this.#viewOf(entry, before, day);
      wanted.push(this.#node(entry, view));
      keep.add(entry.key);
      before = { entry, day };
    }
    for (const map of [this.#nodes, this.#days]) {
      for (const [key, node] of map) if (!keep.has(key)) map.delete(key), node.remove();
    }
    this.#markLastOwn(entries);
    arrange(this.#list, wanted);
  }

  #viewOf(entry, before, day) {
    const follows = before?.day === day && before.entry.kind === 'message' && before.entry.role === entry.role;
    return { mine: this.#chat.isMine(entry), follows };
  }

  #node(entry, view) {
    let node = this.#nodes.get(entry.key);
    if (!node) {
      node = messageNode(entry, {
        retry: () => this.#chat.retry(entry.clientMessageId),
        discard: () => (this.#chat.discard(entry.clientMessageId), this.focus()),
      });
      this.#nodes.set(entry.key, node);
    }
    updateMessage(node, entry, view);
    return node;
  }

  #day(day, keep) {
    keep.add(day);
    if (!this.#days.has(day)) this.#days.set(day, h('li', { class: 'day' }, h('span', {}, day)));
    return this.#days.get(day);
  }

  // The last one of ours says how far it got, and each that is not stored yet; the others are understood.
  #markLastOwn(entries) {
    const own = entries.filter((e) => this.#chat.isMine(e));
    const last = own.findLast((e) => e.state !== 'failed');
    for (const e of own) {
      const text = e === last || e.state !== 'stored' ? stateText(e, this.#chat.isSeen(e)) : '';
      setText(this.#nodes.get(e.key).querySelector('.state'), text);
    }
  }

  #drawHistoryNote(chat, loading) {
    const failed = chat.history === 'failed';
    this.#historyNote.hidden = !failed && !loading;
    if (loading) setText(this.#historyNote, 'Loading messages…');
    if (!failed || this.#historyNote.querySelector('button')) return;
    this.#historyNote.replaceChildren('Earlier messages could not be loaded. ',
      h('button', { type: 'button', class: 'link', onclick: () => chat.loadHistory() }, 'Try again'));
  }

  #drawJump(entries) {
    const others = entries.filter((e) => e.kind === 'message' && e.state !== 'failed' && !this.#chat.isMine(e)).length;
    if (this.#following) this.#known = others;
    const n = others - this.#known;
    setText(this.#jumpText, n > 0 ? `${n} new ${n === 1 ? 'message' : 'messages'}` : 'Latest');
    this.#jump.classList.toggle('fresh', n > 0);
    this.#jump.hidden = this.#following;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    if (clientHeight === 0) return;
    const following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (following === this.#following) return;
    this.#following = following;
    if (this.#chat) this.#drawJump(this.#chat.messages);
    this.#markRead();
  }

  #toEnd() {
    this.#following = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  #catchUp() {
    this.#toEnd();
    this.#drawJump(this.#chat.messages);
    this.#markRead();
    this.#scroller.focus({ preventScroll: true }); // the button that had the focus is gone
  }

  #markRead() {
    if (this.#chat?.active && this.#following && !document.hidden) this.#chat.markRead();
  }

  #leave() {
    if (!this.#chat) return;
    this.#stop.abort();
    this.#chat.stopTyping();
    this.#drafts.set(this.#chat.id, this.#input.value);
    this.#nodes.clear();
    this.#days.clear();
    this.#list.replaceChildren();
    this.#known = 0;
  }
}

// Puts nodes in order and moves only those that are out of place: a node that stays is not announced again.
function arrange(parent, nodes) {
  let at = parent.firstChild;
  for (const node of nodes) {
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
}
