import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOUNDS, newClientMessageId, Outbox } from '../assets/client/outbox.js';

const storage = (values = {}) => ({
  values,
  getItem: (k) => values[k] ?? null,
  setItem: (k, v) => void (values[k] = v),
  removeItem: (k) => void delete values[k],
});
const message = (n, extra = {}) => ({ clientMessageId: `k${n}`, content: `text ${n}`, role: 'USER', createdAt: 1_000, ...extra });
const filled = (n, kept = storage(), now = 1_000) => {
  const box = new Outbox({ storage: kept, now, random: () => 0.5 });
  for (let i = 1; i <= n; i += 1) box.add(message(i));
  return box;
};
const nextId = (box, now) => box.next(now)?.item?.clientMessageId;

test('one goes at a time, in order', () => {
  const box = filled(2);
  const { item } = box.next(1_000);
  box.sent(item, 1_000);
  assert.ok(box.next(1_001).waitMs > 0, 'the second waits for the answer to the first');
  box.acked({ clientMessageId: 'k1', status: 'stored' }, 0);
  assert.equal(nextId(box, 1_002), 'k2');
});

test('accepted lets the next one go and stays until stored', () => {
  const box = filled(2);
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k1', status: 'accepted' }, 0);
  assert.equal(nextId(box, 1), 'k2');
  box.sent(box.next(1).item, 1);
  box.acked({ clientMessageId: 'k2', status: 'stored' }, 0);
  assert.ok(box.next(2).waitMs > 0);
  assert.deepEqual(box.items.map((i) => i.clientMessageId), ['k1']);
  box.acked({ clientMessageId: 'k1', status: 'stored' }, 0);
  assert.deepEqual(box.items, []);
});

test('an accepted one is asked after when nothing is heard of it, one question at a time', () => {
  const box = filled(3);
  for (const id of ['k1', 'k2']) {
    box.sent(box.next(0).item, 0);
    box.acked({ clientMessageId: id, status: 'accepted' }, 0);
  }
  assert.equal(nextId(box, 0), 'k3', 'nothing waits for them');
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k3', status: 'stored' }, 0);
  assert.deepEqual(box.next(0), { waitMs: 60_000 });
  assert.equal(nextId(box, 60_000), 'k1');
  box.sent(box.next(60_000).item, 60_000);
  assert.ok(box.next(60_001).waitMs > 0, 'the second question waits for the answer to the first');
  box.acked({ clientMessageId: 'k1', status: 'accepted' }, 60_001);
  assert.equal(nextId(box, 60_002), 'k2');
  box.sent(box.next(60_002).item, 60_002);
  box.acked({ clientMessageId: 'k2', status: 'stored' }, 60_003);
  assert.deepEqual(box.next(60_003), { waitMs: 59_998 });
});

test('a question does not overtake a message whose answer is due', () => {
  const box = filled(2);
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k1', status: 'accepted' }, 0);
  box.sent(box.next(59_990).item, 59_990);
  assert.ok(box.next(60_010).waitMs > 0);
  box.acked({ clientMessageId: 'k2', status: 'stored' }, 60_020);
  assert.equal(nextId(box, 60_020), 'k1');
});

test('after a reconnect accepted ones go first, in order, each after the answer to the one before', () => {
  const box = filled(4);
  for (const id of ['k1', 'k2']) {
    box.sent(box.next(0).item, 0);
    box.acked({ clientMessageId: id, id: `m-${id}`, status: 'accepted' }, 0);
  }
  box.sent(box.next(0).item, 0); // k3, without an answer
  box.reconnected();
  const went = [];
  for (let item; (item = box.next(1)?.item); ) {
    went.push(item.clientMessageId);
    box.sent(item, 1);
    assert.equal(box.next(1).item, undefined);
    box.acked({ clientMessageId: item.clientMessageId, status: 'accepted' }, 1);
  }
  assert.deepEqual(went, ['k1', 'k2', 'k3', 'k4']);
});

test('what was refused and is tried again goes behind what was sent meanwhile', () => {
  const box = filled(2);
  box.sent(box.next(0).item, 0);
  box.refused('k1', { code: 'API_REJECTED' }, 0);
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k2', status: 'accepted' }, 0);
  box.retry('k1', 0);
  box.reconnected();
  assert.equal(nextId(box, 0), 'k2');
});

test('an accepted one that is asked after stays accepted through a refusal that may pass, and fails by one that does not', () => {
  const kept = storage();
  const box = filled(1, kept);
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k1', id: 'm1', status: 'accepted' }, 0);
  box.reconnected();
  box.sent(box.next(0).item, 0);
  box.refused('k1', { retryable: true, code: 'OVERLOADED' }, 0);
  const after = new Outbox({ storage: kept, now: 2_000 });
  assert.deepEqual(after.items.map((i) => [i.id, i.phase, i.accepted]), [['m1', 'accepted', true]]);
  box.refused('k1', { code: 'API_REJECTED' }, 0);
  assert.deepEqual(new Outbox({ storage: kept, now: 2_000 }).items.map((i) => i.phase), ['failed']);
});

test('a reload knows whether the others saw a message that failed', () => {
  const kept = storage();
  const box = filled(2, kept);
  for (const [id, offset] of [['k1', 7], ['k2', undefined]]) {
    box.sent(box.next(0).item, 0);
    box.acked({ clientMessageId: id, status: 'accepted', offset }, 0);
    box.acked({ clientMessageId: id, status: 'accepted' }, 0);
    box.refused(id, { code: 'API_REJECTED' }, 0);
  }
  const after = new Outbox({ storage: kept, now: 2_000 });
  assert.deepEqual(['k1', 'k2', 'k3'].map((id) => after.wasShown(id)), [true, false, false]);
});

test('a reload keeps what was accepted as that, and asks after it at once', () => {
  const kept = storage();
  const box = filled(2, kept);
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k1', id: 'm1', status: 'accepted' }, 0);
  const after = new Outbox({ storage: kept, now: 2_000 });
  assert.deepEqual(after.items.map((i) => [i.clientMessageId, i.id, i.phase]), [['k1', 'm1', 'accepted'], ['k2', null, 'queued']]);
  assert.equal(nextId(after, 2_000), 'k1');
  const late = new Outbox({ storage: kept, now: 1_001 + BOUNDS.ageMs });
  assert.deepEqual(late.items.map((i) => [i.clientMessageId, i.code]), [['k2', 'EXPIRED']], 'the accepted one is the server\'s');
});

test('no answer for a while sends it again under the same id', () => {
  const box = filled(1);
  box.sent(box.next(0).item, 0);
  assert.ok(box.next(14_999).waitMs > 0);
  assert.equal(nextId(box, 15_000), 'k1');
});

test('a retryable error waits as told, and nothing overtakes', () => {
  const box = filled(2);
  box.sent(box.next(0).item, 0);
  assert.equal(box.refused('k1', { retryable: true, retryAfterMs: 3_000 }, 0), null);
  assert.ok(box.next(2_999).waitMs > 0);
  assert.equal(nextId(box, 3_200), 'k1');
});

test('a final error fails it, the next goes, and a retry uses the same id', () => {
  const box = filled(2);
  box.sent(box.next(0).item, 0);
  assert.equal(box.refused('k1', { code: 'API_REJECTED' }, 0), 'API_REJECTED');
  assert.equal(nextId(box, 0), 'k2');
  box.acked({ clientMessageId: 'k2', status: 'stored' }, 0);
  assert.equal(box.next(0), null);
  assert.ok(box.retry('k1', 5));
  assert.equal(box.retry('k1', 5), false, 'only what failed');
  assert.equal(nextId(box, 5), 'k1');
});

test('after a reconnect everything without a final answer goes again', () => {
  const box = filled(3);
  box.sent(box.next(0).item, 0);
  box.acked({ clientMessageId: 'k1', status: 'accepted' }, 0);
  box.sent(box.next(0).item, 0);
  box.reconnected();
  assert.equal(nextId(box, 1), 'k1');
  box.refused('k1', { code: 'X' }, 1);
  box.reconnected();
  assert.equal(nextId(box, 1), 'k2', 'what failed stays failed');
});

test('a reload keeps what was unsent, under the same ids, but not for ever', () => {
  const kept = storage();
  const box = filled(2, kept);
  box.refused('k2', { code: 'API_REJECTED' }, 0);
  const after = new Outbox({ storage: kept, now: 2_000 });
  assert.deepEqual(after.items.map((i) => [i.clientMessageId, i.phase, i.code]), [['k1', 'queued', null], ['k2', 'failed', 'API_REJECTED']]);
  const late = new Outbox({ storage: kept, now: 1_001 + BOUNDS.ageMs });
  assert.deepEqual(late.items.map((i) => i.code), ['EXPIRED', 'EXPIRED']);
  after.discard('k1');
  after.discard('k2');
  assert.deepEqual(kept.values, {}, 'nothing is left behind');
});

test('it is bounded by count and size', () => {
  const box = filled(BOUNDS.items);
  assert.equal(box.add(message(99)), false);
  const big = new Outbox();
  assert.ok(big.add(message(1, { content: 'x'.repeat(BOUNDS.characters) })));
  assert.equal(big.add(message(2)), false);
});

test('damaged, foreign and forbidden storage does no harm', () => {
  for (const value of ['{', '7', 'null', '[null, 3, {"clientMessageId": 4}]']) {
    assert.deepEqual(new Outbox({ storage: storage({ outbox: value }), now: 0 }).items, [], value);
  }
  const forbidden = { getItem() { throw new Error('no'); }, setItem() { throw new Error('no'); }, removeItem() { throw new Error('no'); } };
  const box = new Outbox({ storage: forbidden });
  assert.ok(box.add(message(1)));
  assert.equal(nextId(box, 2_000), 'k1');
});

test('ids have 128 random bits in the allowed alphabet', () => {
  const ids = new Set(Array.from({ length: 1_000 }, () => newClientMessageId()));
  assert.equal(ids.size, 1_000);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{22}$/);
});
