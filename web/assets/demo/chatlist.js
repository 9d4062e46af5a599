// The list of chats as DOM: one button per chat, moved through with the arrow keys.

import { h, setText } from '../ui/dom.js';
import { initials, pick, visitorName, whenOf } from '../ui/text.js';

const HUES = 6;

/**
 * @typedef {object} RowView
 * @property {import('./inbox.js').Row} row
 * @property {number} unread
 * @property {boolean} online
 * @property {boolean} typing
 * @property {boolean} current
 */

export class ChatList {
  #list;
  #open;
  #nodes = new Map();

  /** @param {HTMLElement} list an ol @param {(chatId: string) => void} open */
  constructor(list, open) {
    this.#list = list;
    this.#open = open;
    list.addEventListener('keydown', (e) => this.#key(e));
  }

  /** @param {RowView[]} views in order */
  draw(views) {
    const focused = this.#list.contains(document.activeElement) ? document.activeElement : null;
    const ids = new Set(views.map((v) => v.row.id));
    for (const [id, node] of this.#nodes) if (!ids.has(id)) node.remove(), this.#nodes.delete(id);
    let at = this.#list.firstChild;
    for (const view of views) {
      const node = this.#node(view);
      if (node === at) at = at.nextSibling;
      else this.#list.insertBefore(node, at);
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true }); // moving a node takes its focus
    this.#setTabStop(views, focused);
  }

  focusFirst() {
    this.#buttons()[0]?.focus();
  }

  #node(view) {
    const { id } = view.row;
    let node = this.#nodes.get(id);
    if (!node) this.#nodes.set(id, (node = this.#make(id)));
    update(node, view);
    return node;
  }

  #make(id) {
    return h('li', {},
      h('button', { class: 'row', type: 'button', tabindex: '-1', 'data-testid': 'chat-row', 'data-chat-id': id, onclick: () => this.#open(id) },
        h('span', { class: `avatar hue${pick(id, HUES)}`, 'aria-hidden': 'true' }, h('span', { class: 'letters' }), h('span', { class: 'dot' })),
        h('span', { class: 'main' },
          h('span', { class: 'top' }, h('span', { class: 'name' }), h('span', { class: 'when' })),
          h('span', { class: 'bottom' },
            h('span', { class: 'preview', 'data-testid': 'preview' }),
            h('span', { class: 'count', hidden: true, 'data-testid': 'unread' }))),
        h('span', { class: 'quiet facts' })));
  }

  #key(e) {
    const buttons = this.#buttons();
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[e.key];
    if (to === undefined || e.altKey || !buttons[to]) return;
    e.preventDefault();
    buttons[to].focus();
  }

  // One stop for Tab: where the focus is, else the current chat, else the first.
  #setTabStop(views, focused) {
    const current = views.find((v) => v.current)?.row.id;
    const stop = focused ?? this.#nodes.get(current)?.firstChild ?? this.#buttons()[0];
    for (const b of this.#buttons()) b.tabIndex = b === stop ? 0 : -1;
  }

  #buttons() {
    return [...this.#list.querySelectorAll('.row')];
  }
}

function update(node, { row, unread, online, typing, current }) {
  const name = row.name || visitorName(row.id);
  const set = (selector, text) => setText(node.querySelector(selector), text);
  set('.name', name);
  set('.letters', row.name ? initials(row.name) : row.id.replace(/[^a-z0-9]/gi, '').slice(-2).toUpperCase());
  set('.when', row.last ? whenOf(row.last.timestamp) : 'New');
  set('.preview', typing ? 'typing…' : preview(row.last));
  set('.count', unread > 99 ? '99+' : String(unread));
  set('.facts', [online ? 'online' : 'offline', unread > 0 ? `${unread} unread` : ''].filter(Boolean).join(', '));
  node.querySelector('.count').hidden = unread === 0;
  node.querySelector('.dot').classList.toggle('on', online);
  const button = node.querySelector('.row');
  button.classList.toggle('unread', unread > 0);
  button.classList.toggle('is-typing', typing);
  if (current) button.setAttribute('aria-current', 'true');
  else button.removeAttribute('aria-current');
}

function preview(last) {
  if (!last) return 'No messages yet';
  const text = last.content.replace(/\s+/g, ' ').slice(0, 120);
  return last.role === 'user' ? text : `Agent: ${text}`;
}
