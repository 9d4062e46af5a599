// One entry of a conversation as a DOM node, made once and then brought up to date.

import { h, setText } from './dom.js';
import { failureText, linkify, timeOf } from './text.js';

/** @param {{retry: () => void, discard: () => void}} actions */
export function messageNode(entry, actions) {
  if (entry.kind === 'event') {
    return h('li', { class: 'event', 'data-testid': 'event' }, h('span', {}, `${entry.content} joined the chat`));
  }
  return h('li', { class: 'message', 'data-testid': 'message' },
    h('span', { class: 'author' }),
    h('p', { class: 'bubble', 'data-testid': 'content' }),
    h('span', { class: 'meta' }, h('time'), h('span', { class: 'edited' }), h('span', { class: 'state', 'data-testid': 'state' })),
    h('span', { class: 'lost', 'data-testid': 'lost', hidden: true }, 'Not delivered'),
    h('span', { class: 'failure', role: 'alert', hidden: true },
      h('span', { class: 'reason' }),
      h('button', { type: 'button', class: 'link', 'data-testid': 'retry', onclick: actions.retry }, 'Try again'),
      h('button', { type: 'button', class: 'link', 'data-testid': 'discard', onclick: actions.discard }, 'Delete')));
}

/**
 * Where a message of ours failed, it says why and what can be done; where one of somebody else did, it is struck out and
 * says so: who has read it should know that it does not count.
 * @param {{mine: boolean, follows: boolean}} view follows: same author as the one before
 */
export function updateMessage(node, entry, view) {
  if (entry.kind === 'event') return;
  node.classList.toggle('mine', view.mine);
  node.classList.toggle('follows', view.follows);
  setData(node, { id: entry.id, clientId: entry.clientMessageId, state: entry.state, role: entry.role, waits: waits(entry) ? '' : null });
  setText(node.querySelector('.author'), authorOf(entry, view.mine));
  setContent(node.querySelector('.bubble'), entry.content);
  const time = node.querySelector('time');
  if (time.dateTime !== entry.timestamp) time.dateTime = entry.timestamp;
  setText(time, timeOf(entry.timestamp));
  setText(node.querySelector('.edited'), entry.updatedAt ? 'edited' : '');
  const failed = entry.state === 'failed';
  node.classList.toggle('struck', failed && !entry.local);
  node.querySelector('.lost').hidden = !failed || entry.local;
  node.querySelector('.failure').hidden = !failed || !entry.local;
  if (failed) setText(node.querySelector('.reason'), failureText(entry.code));
}

// Accepted, and without a place in the log: the others do not see it yet.
const waits = (entry) => entry.state === 'accepted' && entry.offset === 0;

/** @returns {string} how far a message of one's own got */
export function stateText(entry, seen) {
  switch (entry.state) {
    case 'sending': return 'Sending…';
    case 'accepted': return waits(entry) ? 'Accepted, will be delivered' : seen ? 'Seen' : 'Sent, being saved';
    case 'stored': return seen ? 'Seen' : 'Sent';
    default: return '';
  }
}

function authorOf(entry, mine) {
  if (mine) return 'You';
  const fallback = { agent: 'Agent', assistant: 'Assistant', user: 'Visitor' }[entry.role] ?? 'Visitor';
  const name = entry.sender?.name;
  return typeof name === 'string' && name !== '' && name !== 'Anonymous' ? name : fallback;
}

function setContent(bubble, content) {
  if (bubble.textContent === content && content !== '') return;
  bubble.replaceChildren(...linkify(content).map(({ text, href }) =>
    href ? h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow ugc' }, text) : text));
}

function setData(node, values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === null) delete node.dataset[name];
    else if (node.dataset[name] !== value) node.dataset[name] = value;
  }
}
