// What goes wrong around a client: requests that hang or are refused, frames that are too large, somebody else at the same screen.

import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { TokenError } from '../assets/client.js';
import { ack, FakeSocket, history, memory, message, newClient, opened, reconnect, reset, said, settle, tokens } from './fake.js';

beforeEach(reset);

const jwt = (claims) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const tokenFetch = (answer) => ({ getToken: undefined, tokenUrl: 'http://x.example/token', fetch: answer });

test('a chat is gone only when the app itself says so', async () => {
  for (const [status, body, gone] of [[404, { error: 'Chat not found' }, true], [404, null, undefined], [403, { error: 'no' }, undefined]]) {
    const json = async () => body ?? JSON.parse('<!doctype html>');
    const client = newClient(tokenFetch(async () => ({ ok: false, status, json })));
    client.connect();
    await settle();
    assert.deepEqual([client.state.status, client.state.httpStatus, client.state.gone], ['closed', status, gone]);
    client.close();
  }
});

test('a token request that hangs is given up and made again', async () => {
  const client = newClient({ getToken: (id) => (tokens.push(id), new Promise(() => {})) });
  client.connect();
  await settle();
  assert.equal(client.state.status, 'connecting');
  mock.timers.tick(15_000);
  await settle();
  assert.equal(client.state.status, 'reconnecting');
  mock.timers.tick(1_000);
  await settle();
  assert.equal(tokens.length, 2);
  client.close();
});

test('a chat whose token is refused for good says so, and is asked for again', async () => {
  let refused = true;
  const client = await opened({
    getToken: async (id) => {
      if (id === 'c2' && refused) throw new TokenError(403);
      return { token: `token-${id}` };
    },
  });
  const codes = [];
  const chat = client.subscribe('c2');
  chat.addEventListener('refused', (e) => codes.push(e.detail.code));
  await settle();
  assert.deepEqual(codes, ['TOKEN_REFUSED']);
  refused = false;
  mock.timers.tick(2_000);
  await settle();
  assert.deepEqual(FakeSocket.last.of('subscribe').map((f) => f.chatId), ['c2']);
  client.close();
});

test('what is too long is not sent by trying again', async () => {
  const client = await opened();
  const id = client.chat.send('x'.repeat(20_000));
  client.chat.retry(id);
  assert.deepEqual(said(client).map(([, state]) => state), ['failed']);
  assert.equal(FakeSocket.last.of('message').length, 0);
  client.close();
});

test('a frame that the server finds too large fails, and the other chats come back', async () => {
  const client = await opened();
  client.subscribe('c2');
  await settle();
  FakeSocket.last.says({ type: 'subscribed', chatId: 'c2', epoch: 'e1', offset: 0 });
  client.chat.send('short');
  client.chats.get('c2').send('long'.repeat(1_000));
  FakeSocket.last.drops(1009);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  assert.deepEqual(FakeSocket.last.of('message').map((f) => f.content), ['short']);
  const [entry] = client.chats.get('c2').messages;
  assert.deepEqual([entry.state, entry.code], ['failed', 'CONTENT_TOO_LONG']);
  ack(FakeSocket.last.of('message')[0].clientMessageId, 'stored', { id: 'm1' });
  FakeSocket.last.drops(1009); // by nothing that we know of
  assert.deepEqual([client.state.status, client.state.reason], ['closed', 'too_large']);
});

test('a history that could not be loaded is asked for again while the socket is open, for some time', async () => {
  let fails = true;
  const client = await opened({
    fetch: async (url) => {
      history.asked.push(url.pathname);
      if (fails) throw new Error('down');
      return { ok: true, json: async () => ({ messages: [message(1).data] }) };
    },
  });
  await client.chat.loadHistory();
  assert.equal(client.chat.history, 'failed');
  fails = false;
  mock.timers.tick(2_000);
  await settle();
  assert.deepEqual([client.chat.history, client.chat.messages.length], ['loaded', 1]);
  fails = true;
  await client.chat.loadHistory();
  for (let i = 0; i < 60; i += 1) {
    FakeSocket.last.says({ type: 'pong' });
    mock.timers.tick(10_000);
    await settle();
  }
  assert.equal(history.asked.length, 2 + 1 + 8, 'a route that is not there is not asked for ever');
  client.close();
});

test('a look back that the connection did not outlive is taken on the next one', async () => {
  const client = newClient();
  client.connect();
  await settle();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 7 });
  await client.chat.loadHistory();
  assert.deepEqual(FakeSocket.last.of('resume').map((f) => f.offset), [0]);
  FakeSocket.last.drops(1006);
  await reconnect();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 7 });
  await settle();
  assert.deepEqual(FakeSocket.last.of('resume').map((f) => f.offset), [0]);
  FakeSocket.last.says({ type: 'resumed', chatId: 'c1', recovered: true, epoch: 'e1', offset: 7 });
  await settle();
  assert.equal(FakeSocket.last.of('resume').length, 1, 'and once is enough');
  client.close();
});

test('what somebody else wrote in this tab is not sent as ours; what was accepted of it is the server\'s', async () => {
  const storage = memory();
  const as = (claims) => ({ storage, getToken: async () => ({ token: jwt(claims) }) });
  const before = await opened(as({ userId: 'anon_1', isAuthenticated: false }));
  const accepted = before.chat.send('accepted');
  ack(accepted, 'accepted', { id: 'm1' });
  before.chat.send('unsent');
  before.close();

  const again = await opened(as({ userId: 'anon_2', isAuthenticated: false }));
  assert.deepEqual(FakeSocket.last.of('message').map((f) => f.content), ['accepted'], 'visitors of a chat are one sender');
  again.close();

  const after = await opened(as({ userId: 'ada', isAuthenticated: true }));
  assert.deepEqual(FakeSocket.last.of('message'), []);
  const unsent = after.chat.messages.find((e) => e.content === 'unsent');
  assert.deepEqual([unsent.state, unsent.code], ['failed', 'OTHER_SENDER']);
  after.chat.retry(unsent.clientMessageId);
  assert.deepEqual(FakeSocket.last.of('message').map((f) => f.content), ['unsent'], 'unless it is wished');
  after.close();
});

test('a message that waits is shown though the history has older ones of the same words', async () => {
  const storage = memory();
  mock.timers.setTime(Date.parse('2030-01-02T00:00:00Z'));
  const before = await opened({ storage });
  before.chat.send('hello?');
  before.close();
  history.messages = [{ ...message(1).data, content: 'hello?', role: 'user', timestamp: '2030-01-01T00:00:00Z' }];
  const after = newClient({ storage });
  await after.chat.loadHistory();
  assert.deepEqual(said(after), [['hello?', 'stored'], ['hello?', 'sending']]);
  history.messages.push({ ...message(2).data, content: 'hello?', role: 'user', timestamp: '2030-01-02T00:00:01Z' });
  await after.chat.loadHistory();
  assert.deepEqual(said(after), [['hello?', 'stored'], ['hello?', 'stored']], 'until the history has it too');
});

test('what was read before the socket was open is told when it is', async () => {
  history.messages = [message(1).data];
  const client = newClient();
  await client.chat.loadHistory();
  client.chat.markRead();
  client.connect();
  await settle();
  FakeSocket.last.says({ type: 'connected', chatId: 'c1', epoch: 'e1', offset: 0 });
  assert.deepEqual(FakeSocket.last.of('read').map((f) => f.messageId), ['m1']);
  client.close();
});
