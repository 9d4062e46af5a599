// The whole client against a socket that the test plays the server of.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { ChatClient } from '../assets/client.js';

/** A WebSocket whose other end is the test. */
class FakeSocket {
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

let tokens;
let history;
const settle = async () => {
  for (let i = 0; i < 300; i += 1) await Promise.resolve();
};

const newClient = (options = {}) => {
  const client = new ChatClient({
    chatId: 'c1', wsUrl: 'ws://x.example/ws', historyUrl: 'http://x.example/{chatId}', storage: null, WebSocket: FakeSocket,
    getToken: async (id) => (tokens.push(id), { token: `token-${id}-${tokens.length}` }),
    fetch: async (url) => (history.asked.push(url.pathname), { ok: true, json: async () => ({ messages: history.messages }) }),
    ...options,
  });
  return client;
};

const opened = async (options) => {
  const client = newClient(options);
  client.connect();
  await settle();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  await settle();
  return client;
};

const message = (offset, extra = {}) => ({
  type: 'message', chatId: 'c1', epoch: 'e1', offset,
  data: { id: `m${offset}`, content: `text ${offset}`, role: 'agent', timestamp: '2030-01-01T00:00:00Z', sender: { id: 'a' }, ...extra },
});

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: 1_000_000 });
  FakeSocket.all = [];
  tokens = [];
  history = { asked: [], messages: [] };
});

/** Lets the reconnect wait pass and the dialling happen. */
const reconnect = async () => {
  const before = FakeSocket.all.length;
  for (let i = 0; i < 60 && FakeSocket.all.length === before; i += 1) {
    mock.timers.tick(1_000);
    await settle();
  }
  assert.equal(FakeSocket.all.length, before + 1, 'it dialled again');
};

test('the token travels as a subprotocol and never in the URL', async () => {
  await opened();
  assert.deepEqual(FakeSocket.last.protocols, ['eclipse.v1', 'bearer.token-c1-1']);
  assert.equal(FakeSocket.last.url, 'ws://x.example/ws');
});

test('a message goes out, survives the lost connection and is stored once', async () => {
  const client = await opened();
  const id = client.chat.send('  hello  ');
  assert.deepEqual(FakeSocket.last.of('message'), [{ type: 'message', chatId: 'c1', content: 'hello', role: 'USER', clientMessageId: id }]);
  FakeSocket.last.drops(1006);
  assert.equal(client.state.status, 'reconnecting');
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  assert.equal(FakeSocket.last.of('message')[0].clientMessageId, id, 'the same id again');
  FakeSocket.last.says({ type: 'ack', chatId: 'c1', clientMessageId: id, id: 'm1', status: 'stored', epoch: 'e1', offset: 1 });
  FakeSocket.last.says(message(1, { clientMessageId: id, content: 'hello', role: 'user' }));
  assert.deepEqual(client.chat.messages.map((m) => [m.id, m.content, m.state]), [['m1', 'hello', 'stored']]);
  mock.timers.tick(60_000);
  assert.equal(FakeSocket.last.of('message').length, 1);
  client.close();
});

test('a retryable error waits as advised; a final one can be retried by hand under the same id', async () => {
  const client = await opened();
  const id = client.chat.send('hello');
  FakeSocket.last.says({ type: 'error', code: 'RATE_LIMITED', retryable: true, retryAfterMs: 2_000, clientMessageId: id, chatId: 'c1' });
  mock.timers.tick(1_900);
  assert.equal(FakeSocket.last.of('message').length, 1);
  mock.timers.tick(600);
  assert.equal(FakeSocket.last.of('message').length, 2);
  FakeSocket.last.says({ type: 'error', code: 'API_REJECTED', retryable: false, clientMessageId: id, chatId: 'c1' });
  assert.equal(client.chat.messages[0].state, 'failed');
  client.chat.retry(id);
  assert.deepEqual(FakeSocket.last.of('message').map((f) => f.clientMessageId), [id, id, id]);
  client.close();
});

test('after a gap it resumes from where it was', async () => {
  const client = await opened();
  FakeSocket.last.says(message(1));
  FakeSocket.last.drops(1012);
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 3 });
  assert.deepEqual(FakeSocket.last.of('resume'), [{ type: 'resume', chatId: 'c1', epoch: 'e1', offset: 1 }]);
  for (const o of [4, 2, 3]) FakeSocket.last.says(message(o));
  FakeSocket.last.says({ type: 'resumed', chatId: 'c1', recovered: true, epoch: 'e1', offset: 4, count: 2 });
  assert.deepEqual(client.chat.messages.map((m) => m.id), ['m1', 'm2', 'm3', 'm4']);
  assert.deepEqual(history.asked, []);
  client.close();
});

test('without resume, or when it did not recover, the history is loaded', async () => {
  for (const answer of [
    { type: 'error', error: 'Unknown message type', code: 'UNKNOWN_TYPE' },
    { type: 'resumed', chatId: 'c1', recovered: false, epoch: 'e2', offset: 7 },
    null, // nothing at all
  ]) {
    history = { asked: [], messages: [] };
    const client = await opened();
    await client.chat.loadHistory();
    FakeSocket.last.drops(1006);
    await reconnect();
    FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 3 });
    history.messages = [message(1).data, message(2).data, message(3).data];
    if (answer) FakeSocket.last.says(answer);
    else mock.timers.tick(5_100);
    await settle();
    assert.deepEqual(history.asked, ['/c1', '/c1'], JSON.stringify(answer));
    assert.deepEqual(client.chat.messages.map((m) => m.id), ['m1', 'm2', 'm3']);
    client.close();
  }
});

test('close codes: a new token for 4001 to 4003, no return from 1000 and 1009', async () => {
  const client = await opened();
  FakeSocket.last.drops(1006);
  await reconnect();
  assert.equal(tokens.length, 1, 'a token that is good is used again');
  FakeSocket.last.drops(4002);
  await reconnect();
  assert.equal(tokens.length, 2);
  client.close();
  for (const [code, reason] of [[1000, 'done'], [1009, 'too_large']]) {
    const other = await opened();
    FakeSocket.last.drops(code);
    assert.deepEqual(other.state, { status: 'closed', reason });
  }
});

test('a bad token does not come back every second', async () => {
  const client = newClient();
  client.connect();
  await settle();
  for (let i = 0; i < 6; i += 1) {
    FakeSocket.last.drops(4002);
    await reconnect();
  }
  mock.timers.tick(1);
  const began = Date.now();
  mock.method(Math, 'random', () => 0.999);
  FakeSocket.last.drops(4002);
  assert.ok(client.state.retryAt - began > 25_000);
  mock.restoreAll();
  client.close();
});

test('a silent connection is probed and given up', async () => {
  const client = await opened();
  const pass = (seconds) => { for (let i = 0; i < seconds; i += 1) mock.timers.tick(1_000); };
  pass(26);
  assert.equal(FakeSocket.last.of('ping').length, 1);
  FakeSocket.last.says({ type: 'pong' });
  pass(9);
  assert.equal(client.state.status, 'open');
  pass(40);
  assert.notEqual(client.state.status, 'open');
  client.close();
});

test('many chats share the socket, each with its own token, and come back with it', async () => {
  const client = await opened();
  for (let i = 2; i <= 40; i += 1) client.subscribe(`c${i}`);
  await settle();
  assert.equal(FakeSocket.all.length, 1);
  const asked = FakeSocket.last.of('subscribe');
  assert.equal(asked.length, 39);
  assert.match(asked.find((f) => f.chatId === 'c7').token, /^token-c7-/);
  FakeSocket.last.says({ type: 'subscribed', chatId: 'c7', epoch: 'e1', offset: 0, presence: [{ userId: 'u', role: 'user', status: 'online' }] });
  FakeSocket.last.says({ ...message(1), chatId: 'c7' });
  const seven = client.chats.get('c7');
  assert.deepEqual([seven.messages.length, seven.isOnline('USER'), client.chat.messages.length], [1, true, 0]);
  FakeSocket.last.drops(1006);
  assert.equal(seven.isOnline('USER'), false, 'nobody is known to be there while we are away');
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  await settle();
  assert.equal(FakeSocket.last.of('subscribe').length, 39);
  assert.equal(tokens.length, 40, 'with the tokens that it has');
  client.close();
});

test('a refused subscription is tried again with a new token', async () => {
  const client = await opened();
  client.subscribe('c2');
  await settle();
  FakeSocket.last.says({ type: 'error', code: 'TOKEN_INVALID', chatId: 'c2', retryable: false });
  mock.timers.tick(3_000);
  await settle();
  const [first, second] = FakeSocket.last.of('subscribe');
  assert.notEqual(first.token, second.token);
  client.close();
});

test('an expiring token is renewed on the open socket', async () => {
  const client = await opened();
  FakeSocket.last.says({ type: 'token_expiring', expiresAt: '2030-01-01T00:00:00Z' });
  await settle();
  assert.deepEqual(FakeSocket.last.of('auth'), [{ type: 'auth', chatId: 'c1', token: 'token-c1-2' }]);
  client.close();
});

test('advice is followed', async () => {
  const client = await opened();
  FakeSocket.last.says({ type: 'reconnect', afterMs: 3_000 });
  FakeSocket.last.drops(1012);
  const wait = client.state.retryAt - Date.now();
  assert.ok(wait >= 3_000 && wait <= 3_500, `${wait}`);
  client.close();
});

test('typing is said at once, then every two seconds, and ended after four idle ones', async () => {
  const client = await opened();
  for (let i = 0; i < 30; i += 1) {
    client.chat.typingInput('hello');
    mock.timers.tick(100);
  }
  assert.deepEqual(FakeSocket.last.of('typing').map((f) => f.isTyping), [true, true]);
  mock.timers.tick(4_000);
  assert.deepEqual(FakeSocket.last.of('typing').map((f) => f.isTyping), [true, true, false]);
  client.chat.typingInput('x');
  client.chat.typingInput('');
  assert.equal(FakeSocket.last.of('typing').at(-1).isTyping, false);
  client.close();
});

test("others' typing lapses by itself", async () => {
  const client = await opened();
  FakeSocket.last.says({ type: 'typing', chatId: 'c1', data: { userId: 'a', isTyping: true } });
  assert.deepEqual(client.chat.typists, ['a']);
  mock.timers.tick(7_100);
  assert.deepEqual(client.chat.typists, []);
  client.close();
});

test('presence is about others, and seen about our own messages', async () => {
  const client = await opened({ role: 'AGENT', getToken: async () => ({ token: 't', userId: 'ada' }) });
  const online = (userId) => FakeSocket.last.says({ type: 'presence', chatId: 'c1', data: { userId, role: 'user', status: 'online' } });
  online('ada');
  assert.equal(client.chat.isOnline('USER'), false, 'we are not our own visitor');
  online('anon_1');
  assert.equal(client.chat.isOnline('USER'), true);
  FakeSocket.last.says(message(1));
  FakeSocket.last.says(message(2, { role: 'user' }));
  const [mine] = client.chat.messages;
  FakeSocket.last.says({ type: 'read', chatId: 'c1', data: { userId: 'eve', messageId: 'm2' } });
  assert.equal(client.chat.isSeen(mine), false, 'a colleague read what the visitor wrote');
  FakeSocket.last.says({ type: 'read', chatId: 'c1', data: { userId: 'anon_1', messageId: 'm1' } });
  assert.equal(client.chat.isSeen(mine), true);
  client.close();
});

test('unread counts others, and reading is told once', async () => {
  const client = await opened();
  FakeSocket.last.says(message(1));
  FakeSocket.last.says(message(2));
  assert.equal(client.chat.unread, 2);
  client.chat.markRead();
  client.chat.markRead();
  assert.deepEqual(FakeSocket.last.of('read'), [{ type: 'read', chatId: 'c1', messageId: 'm2' }]);
  assert.equal(client.chat.unread, 0);
  client.close();
});

test('frames that are not ours do no harm', async () => {
  const client = await opened();
  for (const f of [null, 7, [], {}, { type: 'future', chatId: 'c1' }, { type: 'message', chatId: 'c1' }, { type: 'message', chatId: 'zz', data: { id: 'x' } },
    { type: 'typing', chatId: 'c1' }, { type: 'presence', chatId: 'c1', data: null }, { type: 'read', chatId: 'c1' }, { type: 'ack', chatId: 'c1' }]) {
    FakeSocket.last.says(f);
  }
  FakeSocket.last.onmessage({ data: 'not json' });
  assert.equal(client.chat.messages.length, 0);
  client.close();
});

test('a token that is refused for good closes with the status', async () => {
  const { TokenError } = await import('../assets/client.js');
  const client = newClient({ getToken: async () => { throw new TokenError(404); } });
  client.connect();
  await settle();
  assert.deepEqual(client.state, { status: 'closed', reason: 'token', httpStatus: 404 });
  const busy = newClient({ getToken: async () => { throw new TokenError(503); } });
  busy.connect();
  await settle();
  assert.equal(busy.state.status, 'reconnecting');
  busy.close();
  assert.deepEqual([400, 401, 403, 404, 408, 425, 429, 500].filter((s) => new TokenError(s).final), [400, 401, 403, 404]);
});
