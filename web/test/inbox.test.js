import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from '../assets/demo/inbox.js';

const chat = (id, messages, s, role = 'user', content = 'hi') =>
  ({ id, messages, createdAt: `2030-01-01T00:00:0${s}Z`, lastMessage: messages ? { id: `${id}${messages}`, content, role, timestamp: `2030-01-01T00:00:0${s}Z` } : null });

test('the latest comes first; chats come and go with the list', () => {
  const box = new Inbox();
  assert.deepEqual(box.merge([chat('a', 1, 1), chat('b', 1, 3), chat('c', 0, 2)]), { added: ['a', 'b', 'c'], removed: [] });
  assert.deepEqual(box.list().map((r) => r.id), ['b', 'c', 'a']);
  assert.deepEqual(box.merge([chat('a', 1, 1), chat('d', 1, 4)]), { added: ['d'], removed: ['b', 'c'] });
});

test('unread counts what nobody has read, and nothing once an agent has answered', () => {
  const box = new Inbox({ a: 1 });
  box.merge([chat('a', 3, 1), chat('b', 5, 1, 'agent')]);
  assert.equal(box.unread('a'), 2);
  assert.equal(box.unread('b'), 0);
  assert.equal(box.waiting, 1);
  assert.ok(box.read('a'));
  assert.equal(box.read('a'), false);
  assert.equal(box.unread('a'), 0);
  assert.equal(box.unread('unknown'), 0);
});

test('a live message counts once, whether the list or the socket tells first', () => {
  const box = new Inbox({ a: 1 });
  box.merge([chat('a', 1, 1)]);
  box.live('a', { id: 'a2', content: 'new', role: 'user', timestamp: '2030-01-01T00:00:02Z' });
  box.merge([chat('a', 1, 1)]);
  assert.equal(box.unread('a'), 1, 'an older list takes nothing away');
  box.merge([chat('a', 2, 2)]);
  assert.equal(box.unread('a'), 1);
  box.merge([chat('a', 3, 3)]);
  box.live('a', { id: 'a3', content: 'newer', role: 'user', timestamp: '2030-01-01T00:00:03Z' });
  assert.equal(box.unread('a'), 2);
  box.live('a', { id: 'a4', content: 'in the same millisecond', role: 'user', timestamp: '2030-01-01T00:00:03Z' });
  assert.equal(box.unread('a'), 3);
});

test('the list tells the name of who wrote last', () => {
  const box = new Inbox();
  const by = (c, name) => ({ ...c, lastMessage: { ...c.lastMessage, sender: { name } } });
  box.merge([by(chat('a', 1, 1), 'Mara'), by(chat('b', 1, 2, 'agent'), 'Ada'), by(chat('c', 1, 3), 'Anonymous')]);
  assert.deepEqual(box.list().map((r) => r.name), ['', '', 'Mara']);
  box.merge([by(chat('a', 2, 4, 'agent'), 'Ada')]);
  assert.equal(box.rows.get('a').name, 'Mara');
});

test('search looks at name, id and last message', () => {
  const box = new Inbox();
  box.merge([chat('a', 1, 1, 'user', 'The Lamp is broken'), chat('b', 1, 2)]);
  box.named('b', 'Mara');
  box.named('a', 'Anonymous');
  const found = (q) => box.list(q).map((r) => r.id);
  assert.deepEqual(found('lamp'), ['a']);
  assert.deepEqual(found(' MARA '), ['b']);
  assert.deepEqual(found(''), ['b', 'a']);
  assert.deepEqual(found('zzz'), []);
  assert.equal(box.rows.get('a').name, '');
});

test('what failed after it was shown is taken back', () => {
  const inbox = new Inbox();
  inbox.merge([{ id: 'c1', messages: 1, lastMessage: { id: 'm1', content: 'a', role: 'USER', timestamp: '2030-01-01T00:00:01Z' }, createdAt: '2030' }]);
  const before = inbox.rows.get('c1').last;
  const shown = { id: 'm2', content: 'b', role: 'user', timestamp: '2030-01-01T00:00:02Z' };
  inbox.live('c1', shown);
  inbox.failed('c1', { id: 'other' }, null);
  assert.deepEqual([inbox.rows.get('c1').total, inbox.rows.get('c1').last.id], [2, 'm2']);
  inbox.failed('c1', shown, before);
  assert.deepEqual([inbox.rows.get('c1').total, inbox.rows.get('c1').last.id], [1, 'm1']);
  inbox.live('c1', shown);
  inbox.failed('c1', shown, null);
  inbox.failed('zz', shown, null);
  assert.deepEqual([inbox.rows.get('c1').last, inbox.unread('c1')], [null, 0]);
});
