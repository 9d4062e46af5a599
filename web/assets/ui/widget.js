// The widget's life: launcher, panel, focus, connection banner. What is inside the panel is the Conversation.

import { ChatClient } from '../client.js';
import { Conversation } from './conversation.js';
import conversationCss from './conversation.css.js';
import { adopt, composing, h, icons, setText } from './dom.js';
import { exclusively, keptChat, keptRead } from './kept.js';
import { timeLimit } from '../client/tokens.js';
import { connectionText } from './text.js';
import themeCss from './theme.css.js';
import widgetCss from './widget.css.js';

export class Widget {
  #settings;
  #apiBase;
  #client = null;
  #kept;
  #host;
  #conversation;
  #ticker = null;
  #opening = null;
  #startedOver = false;
  #launcher; #badge; #panel; #banner; #bannerText; #bannerButton; #subtitle; #dot; #spoken;

  /**
   * @param {DOMStringMap | object} settings the script element's data attributes
   * @param {string} home where the script came from
   */
  constructor(settings, home) {
    this.#settings = settings;
    this.#apiBase = new URL(settings.apiBase ?? home, home).href.replace(/\/?$/, '/');
    this.#kept = keptChat(this.#apiBase, settings.chatId);
  }

  start() {
    this.#build();
    if (this.#kept.id) this.#connect(this.#kept.id); // a chat that exists may have news
    if (this.#settings.open !== undefined) this.open({ focus: false });
  }

  async open({ focus = true } = {}) {
    this.#host.dataset.open = '';
    this.#panel.hidden = false;
    this.#panel.setAttribute('aria-modal', String(this.#isFullScreen()));
    this.#launcher.setAttribute('aria-expanded', 'true');
    if (focus) this.#conversation.focus();
    await this.#ensureChat();
    this.#setActive();
    this.#conversation.shown();
    this.#draw();
  }

  close() {
    delete this.#host.dataset.open;
    this.#panel.hidden = true;
    this.#launcher.setAttribute('aria-expanded', 'false');
    this.#setActive();
    this.#launcher.focus();
  }

  #build() {
    const { title = 'Chat with us', greeting = 'Ask us anything. Your messages stay here, so you can come back to them.', theme, mount } = this.#settings;
    this.#conversation = new Conversation({
      log: 'Messages', placeholder: 'Write a message', empty: greeting,
      typing: (chat) => (chat.typists.length > 0 ? 'Agent is typing' : ''),
    });
    const place = mount ? document.querySelector(mount) : null;
    this.#host = h('div', { id: 'eclipse-chat', 'data-testid': 'eclipse-widget', 'data-theme': theme ?? null, 'data-mounted': place !== null });
    const root = this.#host.attachShadow({ mode: 'open' });
    adopt(root, themeCss, conversationCss, widgetCss);
    root.append(this.#buildPanel(title), this.#buildLauncher());
    root.addEventListener('keydown', (e) => this.#key(e));
    // To the site the keys come from an element that is no field, so its shortcuts would take them.
    for (const type of ['keydown', 'keypress', 'keyup']) root.addEventListener(type, (e) => e.target.matches('textarea') && e.stopPropagation());
    // Beside the body, not in it: a filter or transform of the body would carry off what is fixed inside, and pages that
    // exchange their body would lose it.
    (place ?? document.documentElement).append(this.#host);
  }

  #buildLauncher() {
    this.#badge = h('span', { class: 'badge', hidden: true, 'aria-hidden': 'true', 'data-testid': 'badge' });
    this.#launcher = h('button', {
      class: 'launcher', type: 'button', 'aria-label': 'Open chat', 'aria-expanded': 'false', 'aria-controls': 'panel', 'data-testid': 'launcher',
      onclick: () => (this.#panel.hidden ? this.open() : this.close()),
    }, icons.chat(), this.#badge);
    return this.#launcher;
  }

  #buildPanel(title) {
    this.#dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
    this.#subtitle = h('span', { 'data-testid': 'presence' }, 'We answer here');
    this.#bannerText = h('span', { 'aria-hidden': 'true', 'data-testid': 'connection' });
    this.#spoken = h('span', { class: 'quiet', role: 'status' });
    this.#bannerButton = h('button', { class: 'link', type: 'button', 'data-testid': 'reconnect', onclick: () => this.#reconnect() }, 'Try now');
    this.#banner = h('div', { class: 'banner', hidden: true, 'data-testid': 'banner' }, this.#bannerText, this.#bannerButton);
    this.#panel = h('section', { class: 'panel', id: 'panel', role: 'dialog', 'aria-labelledby': 'title', hidden: true, 'data-testid': 'panel' },
      h('header', { class: 'head' },
        h('span', { class: 'mark', 'aria-hidden': 'true' }),
        h('div', { class: 'titles' },
          h('h2', { class: 'title', id: 'title' }, title),
          h('p', { class: 'subtitle' }, this.#dot, this.#subtitle)),
        h('button', { class: 'shut', type: 'button', 'aria-label': 'Close chat', 'data-testid': 'close', onclick: () => this.close() }, icons.close())),
      this.#spoken, this.#banner, this.#conversation.element);
    return this.#panel;
  }

  // One chat is created at most, however often the panel is opened meanwhile, and in however many tabs.
  #ensureChat() {
    if (this.#client) return Promise.resolve();
    this.#opening ??= this.#create().finally(() => (this.#opening = null));
    return this.#opening;
  }

  async #create() {
    this.#showState({ status: 'connecting' });
    try {
      const id = await exclusively(`eclipse:chat:${this.#apiBase}`, async () => this.#kept.again() ?? this.#kept.keep(await this.#post()));
      if (!this.#client) this.#connect(id);
    } catch {
      this.#showState({ status: 'closed', reason: 'token' });
    }
  }

  async #post() {
    const response = await fetch(new URL('api/chats', this.#apiBase), { method: 'POST', credentials: this.#credentials, signal: timeLimit() });
    if (!response.ok) throw new Error(`chat creation answered ${response.status}`);
    return (await response.json()).id;
  }

  get #credentials() {
    return this.#settings.credentials ?? 'same-origin';
  }

  #connect(chatId) {
    const { tokenUrl, historyUrl, wsUrl } = this.#settings;
    this.#client = new ChatClient({
      chatId, wsUrl, historyUrl: historyUrl ?? `${this.#apiBase}api/chats/{chatId}/messages`,
      tokenUrl: tokenUrl ?? `${this.#apiBase}api/ws/token`, credentials: this.#credentials,
    });
    const { chat } = this.#client;
    const read = keptRead(chatId);
    chat.lastReadId = read.get();
    chat.addEventListener('change', () => (read.set(chat.lastReadId), this.#draw()));
    this.#client.addEventListener('state', (e) => this.#onState(e.detail));
    this.#conversation.show(chat);
    this.#client.connect();
    chat.loadHistory();
  }

  #onState(state) {
    if (state.gone && this.#kept.created && !this.#startedOver && this.#client.chat.unsent === 0) return this.#startOver();
    this.#showState(state);
  }

  // The chat that we made is gone from the API: make another one rather than stay broken for this reader. Once, since an app may
  // refuse every chat; and not while something is unsent, which would be lost with the chat's id.
  #startOver() {
    this.#startedOver = true;
    this.#kept.drop();
    this.#client.close();
    this.#client = null;
    this.#conversation.show(null);
    this.#showState({ status: 'idle' });
    if (!this.#panel.hidden) this.open({ focus: false });
  }

  #reconnect() {
    if (!this.#client) return this.#ensureChat().then(() => this.#draw());
    if (this.#client.state.status === 'reconnecting') this.#client.close();
    this.#client.connect();
  }

  #showState(state) {
    clearInterval(this.#ticker);
    this.#ticker = null;
    const draw = () => setText(this.#bannerText, connectionText(state));
    draw();
    this.#banner.hidden = state.status === 'open' || state.status === 'idle';
    this.#bannerButton.hidden = state.status === 'connecting';
    setText(this.#spoken, state.status === 'reconnecting' ? 'Connection lost. Reconnecting.' : connectionText(state));
    if (state.status === 'reconnecting') this.#ticker = setInterval(draw, 500);
    this.#host.dataset.connection = state.status;
    this.#draw();
  }

  #setActive() {
    const chat = this.#client?.chat;
    if (chat) chat.active = !this.#panel.hidden;
  }

  #draw() {
    const chat = this.#client?.chat;
    const online = chat?.isOnline('AGENT') ?? false;
    this.#dot.classList.toggle('on', online);
    setText(this.#subtitle, online ? 'An agent is online' : 'We answer here');
    const unread = this.#panel.hidden ? (chat?.unread ?? 0) : 0;
    this.#badge.hidden = unread === 0;
    setText(this.#badge, unread > 99 ? '99+' : String(unread));
    const label = this.#panel.hidden ? 'Open chat' : 'Close chat';
    this.#launcher.setAttribute('aria-label', unread > 0 ? `${label}, ${unread} unread` : label);
  }

  #key(e) {
    if (this.#panel.hidden) return;
    if (e.key === 'Escape' && !composing(e)) {
      e.stopPropagation();
      this.close();
    } else if (e.key === 'Tab' && this.#isFullScreen()) {
      this.#keepFocus(e);
    }
  }

  // Full screen covers the page, so Tab goes round inside.
  #keepFocus(e) {
    const stops = [...this.#panel.querySelectorAll('button, textarea, a[href], [tabindex="0"]')].filter((n) => n.checkVisibility());
    const end = e.shiftKey ? stops[0] : stops.at(-1);
    if (this.#host.shadowRoot.activeElement !== end) return;
    e.preventDefault();
    (e.shiftKey ? stops.at(-1) : stops[0]).focus();
  }

  #isFullScreen() {
    return matchMedia('(max-width: 480px)').matches && this.#host.dataset.mounted === undefined;
  }
}
