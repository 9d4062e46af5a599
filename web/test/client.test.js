// The whole client against a socket that the test plays the server of.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { ack, FakeSocket, history, memory, message, newClient, opened, reconnect, reset, said, settle, tokens } from './fake.js';

beforeEach(reset);

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

const failed = (offset, id, extra = {}) => ({
  type: 'message_failed', chatId: 'c1', epoch: 'e1', offset, data: { id, clientMessageId: 'x', code: 'API_REJECTED', ...extra },
});

test('an accepted message lets the next go, is asked after, and stays until it is stored', async () => {
  const client = await opened();
  const ids = ['one', 'two', 'three'].map((text) => client.chat.send(text));
  ack(ids[0], 'accepted', { id: 'm-one' });
  ack(ids[1], 'accepted', { id: 'm-two' });
  const sent = () => FakeSocket.last.of('message').map((f) => ids.indexOf(f.clientMessageId));
  assert.deepEqual(sent(), [0, 1, 2]);
  ack(ids[2], 'stored', { id: 'm-three', epoch: 'e1', offset: 1 });
  assert.deepEqual(said(client), [['three', 'stored'], ['one', 'accepted'], ['two', 'accepted']]);
  mock.timers.tick(59_000);
  assert.equal(sent().length, 3);
  mock.timers.tick(1_100);
  assert.deepEqual(sent(), [0, 1, 2, 0]);
  ack(ids[0], 'accepted', { id: 'm-one' });
  assert.deepEqual(sent(), [0, 1, 2, 0, 1]);
  FakeSocket.last.drops(1006);
  client.chat.send('four');
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  assert.deepEqual(sent(), [0]);
  ack(ids[0], 'stored', { id: 'm-one', epoch: 'e1', offset: 2 });
  ack(ids[1], 'stored', { id: 'm-two', epoch: 'e1', offset: 3 });
  assert.deepEqual(FakeSocket.last.of('message').map((f) => f.content), ['one', 'two', 'four']);
  client.close();
});

test('over a reload accepted stays accepted and is asked after', async () => {
  const storage = memory();
  const before = await opened({ storage });
  const id = before.chat.send('hello');
  ack(id, 'accepted', { id: 'm-hello' });
  before.close();
  const after = newClient({ storage });
  assert.deepEqual(said(after), [['hello', 'accepted']]);
  after.connect();
  await settle();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  assert.deepEqual(FakeSocket.last.of('message').map((f) => f.clientMessageId), [id]);
  ack(id, 'accepted', { id: 'm-hello' });
  history.messages = [{ ...message(1).data, id: 'm-hello', content: 'hello', role: 'user' }];
  await after.chat.loadHistory();
  assert.deepEqual(said(after), [['hello', 'stored']], 'the history has it');
  assert.deepEqual(storage.values, {});
  after.close();
});

test('shown live is not stored: the message is kept until the ack', async () => {
  const storage = memory();
  const client = await opened({ storage });
  const id = client.chat.send('hello');
  FakeSocket.last.says(message(1, { clientMessageId: id, content: 'hello', role: 'user' }));
  assert.deepEqual(said(client), [['hello', 'accepted']]);
  client.chat.send('next');
  assert.equal(FakeSocket.last.of('message').length, 2, 'it has its place, so the next may go');
  assert.match(Object.values(storage.values)[0], /hello/);
  ack(id, 'stored', { id: 'm1', epoch: 'e1', offset: 1 });
  assert.deepEqual(said(client), [['hello', 'stored'], ['next', 'sending']]);
  assert.doesNotMatch(Object.values(storage.values)[0], /hello/);
  client.close();
});

test('message_failed fails ours, to be tried again, and theirs; its place counts and a resume changes nothing', async () => {
  const client = await opened();
  const told = [];
  client.chat.addEventListener('failed', (e) => told.push(e.detail.entry.id));
  const id = client.chat.send('hello');
  const frames = [
    message(1, { clientMessageId: id, content: 'hello', role: 'user' }), message(2), message(3),
    failed(4, 'm1', { clientMessageId: id }), failed(5, 'm3'),
  ];
  for (const f of frames.slice(0, 3)) FakeSocket.last.says(f);
  client.chat.markRead();
  assert.equal(client.chat.lastReadId, 'm3');
  FakeSocket.last.says({ type: 'error', code: 'API_REJECTED', retryable: false, clientMessageId: id, chatId: 'c1' });
  for (const f of frames.slice(3)) FakeSocket.last.says(f);
  const outcome = [['hello', 'failed'], ['text 2', 'stored'], ['text 3', 'failed']];
  assert.deepEqual(said(client), outcome);
  assert.deepEqual(client.chat.messages.map((m) => m.local), [true, false, false]);
  assert.deepEqual([client.chat.unread, client.chat.lastReadId, told.join()], [0, 'm2', 'm1,m3']);

  FakeSocket.last.drops(1006);
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 5 });
  assert.deepEqual(FakeSocket.last.of('resume'), [], 'nothing is missing');
  for (const f of frames) FakeSocket.last.says(f); // of a resume from before
  assert.deepEqual(said(client), outcome);
  assert.deepEqual(FakeSocket.last.of('message'), []);

  await client.chat.loadHistory();
  assert.deepEqual(said(client), [['hello', 'failed'], ['text 2', 'stored']], 'no history has what was refused');
  client.chat.retry(id);
  const [again] = FakeSocket.last.of('message');
  assert.notEqual(again.clientMessageId, id, 'a new message: to the others the first one is void');
  FakeSocket.last.says(message(6, { clientMessageId: again.clientMessageId, content: 'hello', role: 'user' }));
  ack(again.clientMessageId, 'stored', { id: 'm6', epoch: 'e1', offset: 6 });
  assert.deepEqual(said(client), [['text 2', 'stored'], ['hello', 'stored']]);
  client.close();
});

test('what was shown before we came and is not stored yet is had from the log, without what has failed', async () => {
  const client = newClient();
  client.connect();
  await settle();
  history.messages = [message(60).data];
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 63 });
  assert.deepEqual(FakeSocket.last.of('resume'), [], 'not before there is somebody to show it to');
  await client.chat.loadHistory();
  assert.deepEqual(FakeSocket.last.of('resume'), [{ type: 'resume', chatId: 'c1', epoch: 'e1', offset: 13 }]);
  for (const f of [message(60), message(61), message(62), failed(63, 'm61'), message(64)]) FakeSocket.last.says(f);
  FakeSocket.last.says({ type: 'resumed', chatId: 'c1', recovered: true, epoch: 'e1', offset: 64, count: 5 });
  assert.deepEqual(said(client), [['text 60', 'stored'], ['text 62', 'stored'], ['text 64', 'stored']]);
  await client.chat.loadHistory();
  FakeSocket.last.says(message(65));
  assert.equal(FakeSocket.last.of('resume').length, 1, 'once');
  client.close();
});

test('the failure of somebody else does not touch ours', async () => {
  const client = await opened();
  client.chat.send('hello');
  FakeSocket.last.says(message(1));
  FakeSocket.last.says(failed(2, 'm1', { clientMessageId: undefined }));
  assert.deepEqual(said(client), [['text 1', 'failed'], ['hello', 'sending']]);
  mock.timers.tick(15_100);
  assert.equal(FakeSocket.last.of('message').length, 2, 'it is still ours to send');
  client.close();
});

test('connected before the log is known: no resume from nowhere; once it is, the history again and what is before', async () => {
  const client = newClient();
  client.connect();
  await settle();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: '', offset: 0 });
  await client.chat.loadHistory();
  const asked = history.asked.length;
  FakeSocket.last.says({ ...message(1), offset: undefined, epoch: undefined });
  assert.deepEqual(FakeSocket.last.of('resume'), []);
  history.messages = [message(40).data];
  FakeSocket.last.says(message(41));
  await settle();
  assert.equal(history.asked.length, asked + 1);
  assert.deepEqual(FakeSocket.last.of('resume'), [{ type: 'resume', chatId: 'c1', epoch: 'e1', offset: 0 }]);
  assert.deepEqual(client.chat.messages.map((m) => m.id).sort(), ['m1', 'm40', 'm41']);
  FakeSocket.last.says(message(42));
  FakeSocket.last.drops(1006);
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: '', offset: 0 });
  assert.deepEqual(FakeSocket.last.of('resume'), [{ type: 'resume', chatId: 'c1', epoch: 'e1', offset: 42 }], 'it asks where it cannot compare');
  FakeSocket.last.says({ type: 'resumed', chatId: 'c1', recovered: false, epoch: '', offset: 0, count: 0 });
  FakeSocket.last.says(message(43));
  assert.equal(FakeSocket.last.of('resume').length, 1);
  await settle();
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
    Object.assign(history, { asked: [], messages: [] });
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
    { type: 'typing', chatId: 'c1' }, { type: 'presence', chatId: 'c1', data: null }, { type: 'read', chatId: 'c1' }, { type: 'ack', chatId: 'c1' },
    { type: 'message_failed', chatId: 'c1' }, { type: 'message_failed', chatId: 'c1', data: { id: 7, code: null } }]) {
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
