// The agents' view: every chat on one socket, one conversation in the pane.

import { ChatClient } from '../client.js';
import { Conversation } from '../ui/conversation.js';
import conversationCss from '../ui/conversation.css.js';
import { adopt, setText } from '../ui/dom.js';
import { keptJson } from '../ui/kept.js';
import { connectionText, initials, pick, visitorName } from '../ui/text.js';
import { ChatList } from './chatlist.js';
import { Inbox } from './inbox.js';

const REFRESH_MS = 3_000;
const MAX_CHATS = 200; // on the socket; older ones are in the list and join when they are opened

const $ = (id) => document.getElementById(id);
const seen = keptJson('eclipse:agents:seen', {});

class AgentsView {
  #inbox = new Inbox(seen.get());
  #client = new ChatClient({ tokenUrl: '/api/ws/token', historyUrl: '/api/chats/{chatId}/messages', as: 'agent', role: 'AGENT' });
  #list = new ChatList($('chats'), (id) => this.#open(id, true));
  #conversation = new Conversation({
    log: 'Conversation', placeholder: 'Write a reply', empty: 'No messages yet. Say hello.',
    typing: (chat) => (chat.typists.length > 0 ? `${this.#nameOf(chat.id)} is typing` : ''),
  });
  #current = null;
  #announced = new Set();
  #drawing = 0;
  #ticker = null;
  #refreshing = false;

  start() {
    adopt(document, conversationCss);
    $('pane').append(this.#conversation.element);
    this.#client.addEventListener('state', (e) => this.#onState(e.detail));
    $('search').addEventListener('input', () => this.#draw());
    $('search').addEventListener('keydown', (e) => this.#searchKey(e));
    $('back').addEventListener('click', () => this.#back());
    $('reconnect').addEventListener('click', () => this.#reconnect());
    document.addEventListener('keydown', (e) => this.#key(e));
    addEventListener('focus', () => this.#refresh());
    document.addEventListener('visibilitychange', () => document.hidden || this.#onShown());
    setInterval(() => document.hidden || this.#refresh(), REFRESH_MS);
    this.#refresh();
  }

  async #refresh() {
    if (this.#refreshing) return;
    this.#refreshing = true;
    try {
      const response = await fetch('/api/chats', { cache: 'no-store' });
      if (!response.ok) throw new Error(`list answered ${response.status}`);
      this.#take((await response.json()).chats ?? []);
      $('list-state').hidden = true;
    } catch {
      setText($('list-state'), 'The list of chats could not be loaded. Trying again…');
      $('list-state').hidden = false;
    } finally {
      this.#refreshing = false;
    }
  }

  #take(chats) {
    const { removed } = this.#inbox.merge(chats);
    for (const id of removed) this.#forget(id);
    for (const row of this.#inbox.list().slice(0, MAX_CHATS)) this.#join(row.id);
    if (this.#client.chat && this.#client.state.status === 'idle') this.#client.connect();
    this.#draw();
  }

  #join(id) {
    if (this.#client.chats.has(id)) return this.#client.chats.get(id);
    const chat = this.#client.subscribe(id);
    chat.addEventListener('change', () => this.#schedule());
    chat.addEventListener('message', (e) => this.#onMessage(chat, e.detail.entry));
    chat.addEventListener('failed', (e) => this.#inbox.failed(chat.id, e.detail.entry, chat.timeline.last() ?? null));
    chat.addEventListener('joined', () => this.#announce(chat));
    return chat;
  }

  #forget(id) {
    this.#client.unsubscribe(id);
    if (this.#current?.id === id) this.#back();
  }

  #onMessage(chat, entry) {
    this.#inbox.live(chat.id, entry);
    if (entry.role === 'user') this.#inbox.named(chat.id, entry.sender?.name);
    this.#schedule();
  }

  #open(id, focus) {
    if (this.#current) this.#current.active = false;
    const chat = this.#join(id);
    this.#current = chat;
    chat.active = true;
    document.body.dataset.view = 'conversation';
    if (chat.history === 'none') chat.loadHistory();
    this.#conversation.show(chat);
    this.#conversation.shown();
    this.#announce(chat);
    this.#draw();
    if (focus) this.#conversation.focus();
  }

  // The visitor is told once that somebody is here now.
  #announce(chat) {
    if (chat !== this.#current || this.#announced.has(chat.id)) return;
    if (chat.announceAgent()) this.#announced.add(chat.id);
  }

  #back() {
    const row = this.#current && document.querySelector(`.row[data-chat-id="${CSS.escape(this.#current.id)}"]`);
    if (this.#current) this.#current.active = false;
    this.#current = null;
    this.#conversation.show(null);
    document.body.dataset.view = 'list';
    this.#draw();
    (row?.isConnected ? row : $('search')).focus(); // a search may have no place for it
  }

  #nameOf(id) {
    return this.#inbox.rows.get(id)?.name || visitorName(id);
  }

  #schedule() {
    if (this.#drawing !== 0) return;
    const draw = () => ((this.#drawing = 0), this.#draw());
    this.#drawing = document.hidden ? setTimeout(draw, 100) : requestAnimationFrame(draw);
  }

  #draw() {
    this.#noteRead();
    const rows = this.#inbox.list($('search').value);
    this.#list.draw(rows.map((row) => this.#viewOf(row)));
    $('no-chats').hidden = rows.length > 0;
    setText($('no-chats'), this.#inbox.rows.size === 0 ? 'No chats yet. They appear here as visitors write.' : 'No chat matches.');
    const { waiting } = this.#inbox;
    setText($('waiting'), waiting === 0 ? 'All answered' : `${waiting} waiting`);
    document.title = waiting === 0 ? 'Agents' : `(${waiting}) Agents`;
    this.#drawHead();
  }

  #viewOf(row) {
    const chat = this.#client.chats.get(row.id);
    return {
      row, unread: this.#inbox.unread(row.id), online: chat?.isOnline('USER') ?? false,
      typing: (chat?.typists.length ?? 0) > 0, current: chat !== undefined && chat === this.#current,
    };
  }

  #noteRead() {
    if (!this.#current || document.hidden) return;
    const named = this.#current.messages.findLast((e) => e.role === 'user' && e.sender?.name);
    this.#inbox.named(this.#current.id, named?.sender.name);
    if (this.#inbox.read(this.#current.id)) seen.set(this.#inbox.seen);
  }

  #drawHead() {
    const chat = this.#current;
    $('head').hidden = chat === null;
    $('pane').hidden = chat === null;
    $('nothing').hidden = chat !== null;
    if (!chat) return;
    const name = this.#nameOf(chat.id);
    setText($('who'), name);
    setText($('letters'), this.#inbox.rows.get(chat.id)?.name ? initials(name) : name.slice(-2));
    $('avatar').className = `avatar hue${pick(chat.id, 6)}`;
    const online = chat.isOnline('USER');
    setText($('status'), chat.joined ? (online ? 'Online' : 'Offline') : 'Joining…');
    $('presence').classList.toggle('on', online);
  }

  #onState(state) {
    clearInterval(this.#ticker);
    const draw = () => setText($('connection-text'), connectionText(state));
    draw();
    $('connection').hidden = state.status === 'open' || state.status === 'idle';
    $('reconnect').hidden = state.status === 'connecting';
    document.body.dataset.connection = state.status;
    if (state.status === 'reconnecting') this.#ticker = setInterval(draw, 500);
    // The chat that opens the socket is gone, say: another one opens it then.
    if (state.httpStatus === 404) this.#client.unsubscribe(this.#client.chat?.id), setTimeout(() => this.#client.connect(), 1_000);
    this.#schedule();
  }

  #reconnect() {
    if (this.#client.state.status === 'reconnecting') this.#client.close();
    this.#client.connect();
  }

  #onShown() {
    this.#refresh();
    this.#conversation.shown();
    this.#draw();
  }

  #searchKey(e) {
    const first = this.#inbox.list($('search').value)[0];
    if (e.key === 'ArrowDown') e.preventDefault(), this.#list.focusFirst();
    if (e.key === 'Enter' && first) ($('search').value = ''), this.#open(first.id, true); // the answer may not match it any more
    if (e.key === 'Escape') ($('search').value = ''), this.#draw();
  }

  #key(e) {
    const writing = e.target.closest?.('input, textarea');
    if (e.key === '/' && !writing) e.preventDefault(), $('search').focus();
    else if (e.altKey && (e.key === 'ArrowDown' || e.key === 'ArrowUp')) e.preventDefault(), this.#step(e.key === 'ArrowDown' ? 1 : -1);
    else if (e.key === 'Escape' && this.#current && e.target !== $('search')) this.#back();
  }

  #step(by) {
    const rows = this.#inbox.list($('search').value);
    const at = rows.findIndex((r) => r.id === this.#current?.id);
    const next = rows[at < 0 ? 0 : at + by];
    if (next) this.#open(next.id, true);
  }
}

new AgentsView().start();
