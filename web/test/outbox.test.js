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
  box.acked('k1', 'stored');
  assert.equal(nextId(box, 1_002), 'k2');
});

test('accepted lets the next one go and stays until stored', () => {
  const box = filled(2);
  box.sent(box.next(0).item, 0);
  box.acked('k1', 'accepted');
  assert.equal(nextId(box, 1), 'k2');
  box.sent(box.next(1).item, 1);
  box.acked('k2', 'stored');
  assert.equal(box.next(2), null);
  assert.deepEqual(box.items.map((i) => i.clientMessageId), ['k1']);
  box.acked('k1', 'stored');
  assert.deepEqual(box.items, []);
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
  box.acked('k2', 'stored');
  assert.equal(box.next(0), null);
  assert.ok(box.retry('k1', 5));
  assert.equal(box.retry('k1', 5), false, 'only what failed');
  assert.equal(nextId(box, 5), 'k1');
});

test('after a reconnect everything without a final answer goes again', () => {
  const box = filled(3);
  box.sent(box.next(0).item, 0);
  box.acked('k1', 'accepted');
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
