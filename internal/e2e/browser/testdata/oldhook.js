// What the pages of the old server do, in essence: one socket per chat, the token in the query, one's own text shown
// until a message of the same content arrives, messages skipped by id, a lost socket dialled again after 1 s · 2ⁿ.
const { tokenUrl } = document.currentScript.dataset;

window.oldHook = {
  list: [], // {id, content}; without an id while optimistic
  warned: [],
  gaveUp: false,
  failures: 0,
  socket: null,

  isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  },

  ids() {
    return this.list.map((m) => m.id);
  },

  send(text) {
    this.list.push({ id: null, content: text });
    this.socket.send(JSON.stringify({ type: 'message', content: text.trim(), role: 'USER' }));
  },

  async open() {
    let answer;
    try {
      answer = await (await fetch(tokenUrl)).json();
    } catch {
      this.gaveUp = true;
      return;
    }
    this.socket = new WebSocket(`${answer.wsUrl}?token=${encodeURIComponent(answer.token)}`);
    this.socket.onopen = () => (this.failures = 0);
    this.socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    this.socket.onclose = () => this.again();
  },

  again() {
    if (this.failures >= 10) {
      this.gaveUp = true;
      return;
    }
    setTimeout(() => this.open(), Math.min(30_000, 1_000 * 2 ** this.failures));
    this.failures += 1;
  },

  hear(frame) {
    switch (frame.type) {
      case 'message': {
        const { id, content, sender } = frame.data;
        if (typeof sender.name !== 'string') this.warned.push('a message without a name'); // the page shows it
        this.list = this.list.filter((m) => m.id !== null || m.content.trim() !== content);
        if (!this.list.some((m) => m.id === id)) this.list.push({ id, content });
        break;
      }
      case 'connected':
      case 'message_updated':
      case 'typing':
      case 'agent_joined':
      case 'pong':
        break;
      default: // errors too: nothing here should bring one about
        this.warned.push(JSON.stringify(frame));
    }
  },
};

window.oldHook.open();
