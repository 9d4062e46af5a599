// A client whose server, token source and history are the test.

import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { ChatClient } from '../assets/client.js';

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  static all = [];
  static get last() {
    return FakeSocket.all.at(-1);
  }

  readyState = 1;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.readyState = 3;
  }

  says(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  drops(code) {
    this.readyState = 3;
    this.onclose({ code });
  }

  of(type) {
    return this.sent.filter((f) => f.type === type);
  }
}

/** The chats for which a token was asked. @type {string[]} */
export let tokens;
export let history;
export const settle = async () => {
  for (let i = 0; i < 300; i += 1) await Promise.resolve();
};

export const newClient = (options = {}) => {
  const client = new ChatClient({
    chatId: 'c1', wsUrl: 'ws://x.example/ws', historyUrl: 'http://x.example/{chatId}', storage: null, WebSocket: FakeSocket,
    getToken: async (id) => (tokens.push(id), { token: `token-${id}-${tokens.length}` }),
    fetch: async (url) => (history.asked.push(url.pathname), { ok: true, json: async () => ({ messages: history.messages }) }),
    ...options,
  });
  return client;
};

export const opened = async (options) => {
  const client = newClient(options);
  client.connect();
  await settle();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  await settle();
  return client;
};

export const message = (offset, extra = {}) => ({
  type: 'message', chatId: 'c1', epoch: 'e1', offset,
  data: { id: `m${offset}`, content: `text ${offset}`, role: 'agent', timestamp: '2030-01-01T00:00:00Z', sender: { id: 'a' }, ...extra },
});

export const reset = () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 });
  FakeSocket.all = [];
  tokens = [];
  history = { asked: [], messages: [] };
};

/** Lets the reconnect wait pass and the dialling happen. */
export const reconnect = async () => {
  const before = FakeSocket.all.length;
  for (let i = 0; i < 60 && FakeSocket.all.length === before; i += 1) {
    mock.timers.tick(1_000);
    await settle();
  }
  assert.equal(FakeSocket.all.length, before + 1, 'it dialled again');
};

export const said = (client) => client.chat.messages.map((m) => [m.content, m.state]);
export const ack = (id, status, extra = {}) => FakeSocket.last.says({ type: 'ack', chatId: 'c1', clientMessageId: id, status, ...extra });
export const memory = () => {
  const values = {};
  return { values, getItem: (k) => values[k] ?? null, setItem: (k, v) => void (values[k] = v), removeItem: (k) => void delete values[k] };
};
