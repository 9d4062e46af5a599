import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline } from '../assets/client/timeline.js';

const when = (s) => new Date(Date.UTC(2030, 0, 1, 0, 0, s)).toISOString();
const data = (id, s, extra = {}) => ({ id, content: `text ${id}`, role: 'user', timestamp: when(s), sender: { id: 'u' }, ...extra });
const local = (clientMessageId, extra = {}) => ({ clientMessageId, content: 'mine', role: 'USER', createdAt: Date.UTC(2030, 0, 1), ...extra });
const ids = (t) => t.list().map((e) => e.id ?? e.clientMessageId);

test('the log orders, not the clock and not the arrival', () => {
  const t = new Timeline();
  t.merge(data('c', 1), { epoch: 'a', offset: 3 });
  t.merge(data('a', 9), { epoch: 'a', offset: 1 });
  t.merge(data('d', 0), { epoch: 'b', offset: 1 });
  t.merge(data('b', 5), { epoch: 'a', offset: 2 });
  assert.deepEqual(ids(t), ['a', 'b', 'c', 'd']);
});

test('history is laid between by time and never shown twice', () => {
  const t = new Timeline();
  t.merge(data('m2', 20), { epoch: 'a', offset: 1 });
  for (const d of [data('m1', 10), data('m2', 20), data('m3', 30)]) t.merge(d);
  t.merge(data('m4', 40), { epoch: 'a', offset: 2 });
  assert.deepEqual(ids(t), ['m1', 'm2', 'm3', 'm4']);
  assert.equal(t.merge(data('m3', 30), { epoch: 'a', offset: 3 }).isNew, false);
});

test('a message of ours becomes the stored one, echo first or ack first', () => {
  for (const order of ['echo', 'ack']) {
    const t = new Timeline();
    const entry = t.addLocal(local('k1'));
    const steps = {
      echo: () => t.merge(data('m1', 1, { content: 'mine', clientMessageId: 'k1' }), { epoch: 'a', offset: 1 }),
      ack: () => t.ack({ clientMessageId: 'k1', id: 'm1', status: 'stored', epoch: 'a', offset: 1 }),
    };
    steps[order]();
    steps[order === 'echo' ? 'ack' : 'echo']();
    assert.deepEqual(ids(t), ['m1'], order);
    assert.equal(t.list()[0], entry, 'the same entry, so that a view keeps its node');
    assert.equal(entry.state, 'stored');
  }
});

test('what was not known to be stored is new, whoever wrote it, and once', () => {
  const t = new Timeline();
  t.addLocal(local('k1'));
  const mine = data('m1', 1, { content: 'mine', clientMessageId: 'k1' });
  assert.deepEqual([mine, mine, data('m2', 2), data('m2', 2)].map((d) => t.merge(d).isNew), [true, false, true, false]);
});

test('an echo without clientMessageId hides ours until the ack names the id', () => {
  const t = new Timeline();
  t.addLocal(local('k1'));
  t.addLocal(local('k2'));
  t.merge(data('m1', 1, { content: 'mine' }), { epoch: 'a', offset: 1 });
  assert.deepEqual(ids(t), ['m1', 'k2'], 'one echo hides one message');
  t.ack({ clientMessageId: 'k1', id: 'm1', status: 'stored' });
  assert.deepEqual(ids(t), ['m1', 'k2']);
  t.merge(data('m2', 2, { content: 'mine' }), { epoch: 'a', offset: 2 });
  t.ack({ clientMessageId: 'k2', id: 'm2', status: 'stored' });
  assert.deepEqual(ids(t), ['m1', 'm2']);
});

test('an older message of the same text hides nothing', () => {
  const t = new Timeline();
  t.merge(data('m0', 1, { content: 'mine' }), { epoch: 'a', offset: 1 });
  t.addLocal(local('k1'));
  assert.deepEqual(ids(t), ['m0', 'k1']);
});

test('accepted waits at the end, stored takes its place, a refusal fails it', () => {
  const t = new Timeline();
  t.addLocal(local('k1'));
  t.addLocal(local('k2'));
  t.ack({ clientMessageId: 'k1', id: 'm1', status: 'accepted' });
  t.merge(data('x', 1), { epoch: 'a', offset: 7 });
  assert.deepEqual(t.list().map((e) => e.state), ['stored', 'accepted', 'sending']);
  t.ack({ clientMessageId: 'k1', id: 'm1', status: 'stored', epoch: 'a', offset: 6 });
  t.fail({ clientMessageId: 'k2' }, 'API_REJECTED');
  assert.deepEqual(t.list().map((e) => [e.id, e.state, e.code]), [['m1', 'stored', null], ['x', 'stored', null], [null, 'failed', 'API_REJECTED']]);
  t.ack({ clientMessageId: 'k1', id: 'm1', status: 'accepted' });
  assert.equal(t.list()[0].state, 'stored', 'a late ack takes nothing back');
  t.retry('k2');
  assert.equal(t.list()[2].state, 'sending');
  t.remove('k2');
  assert.equal(t.list().length, 2);
});

const failure = (t, id, offset, code = 'API_REJECTED', epoch = 'a') => t.fail({ id, clientMessageId: `c-${id}` }, code, { epoch, offset });
const states = (t) => t.list().map((e) => [e.id, e.state, e.code]);

test('shown before it is stored: ours is accepted until the ack, that of others counts as stored', () => {
  const t = new Timeline();
  const mine = t.addLocal(local('k1'));
  t.merge(data('m1', 1, { clientMessageId: 'k1' }), { epoch: 'a', offset: 1 });
  t.merge(data('m2', 2, { clientMessageId: 'other' }), { epoch: 'a', offset: 2 });
  assert.deepEqual(states(t), [['m1', 'accepted', null], ['m2', 'stored', null]]);
  t.ack({ clientMessageId: 'k1', id: 'm1', status: 'stored', epoch: 'a', offset: 1 });
  t.merge(data('m1', 1, { clientMessageId: 'k1' }), { epoch: 'a', offset: 1 });
  assert.equal(mine.state, 'stored', 'a repeat takes nothing back');
  t.addLocal(local('k3'));
  t.merge(data('m3', 3, { clientMessageId: 'k3' }), { epoch: 'a', offset: 3 });
  t.mergeStored(data('m3', 3));
  assert.deepEqual(states(t).at(-1), ['m3', 'stored', null], 'the history knows as well');
});

test('what was shown and refused has failed, for whoever wrote it, also when a resume repeats it', () => {
  const t = new Timeline();
  t.addLocal(local('c-m1'));
  for (let round = 0; round < 2; round += 1) {
    t.merge(data('m1', 1, { clientMessageId: 'c-m1' }), { epoch: 'a', offset: 1 });
    t.merge(data('m2', 2), { epoch: 'a', offset: 2 });
    assert.equal(failure(t, 'm1', 3)?.id, round === 0 ? 'm1' : undefined, 'it fails once');
    failure(t, 'm2', 4);
    assert.deepEqual(states(t), [['m1', 'failed', 'API_REJECTED'], ['m2', 'failed', 'API_REJECTED']]);
  }
  assert.deepEqual(t.list().map((e) => e.local), [true, false]);
});

test('a failure that comes before its message waits for it', () => {
  const t = new Timeline();
  assert.equal(failure(t, 'm1', 2), null);
  t.merge(data('m1', 1), { epoch: 'a', offset: 1 });
  assert.deepEqual(states(t), [['m1', 'failed', 'API_REJECTED']]);
  t.merge(data('m1', 1), { epoch: 'b', offset: 1 });
  assert.deepEqual(states(t), [['m1', 'stored', null]], 'said anew, in a newer log');
});

test('what is settled does not fail any more', () => {
  const t = new Timeline();
  t.addLocal(local('c-m1'));
  t.merge(data('m1', 1, { clientMessageId: 'c-m1' }), { epoch: 'a', offset: 1 });
  failure(t, 'm1', 2);
  t.retry('c-m1');
  assert.equal(t.list()[0].state, 'sending');
  t.ack({ clientMessageId: 'c-m1', id: 'm1', status: 'stored', epoch: 'a', offset: 1 });
  assert.equal(failure(t, 'm1', 2), null, 'of the first attempt, repeated by a resume');
  t.merge(data('m1', 1, { clientMessageId: 'c-m1' }), { epoch: 'a', offset: 1 });
  t.mergeStored(data('m2', 2));
  failure(t, 'm2', 3);
  assert.deepEqual(states(t), [['m1', 'stored', null], ['m2', 'stored', null]]);
});

test('a loaded history ends what failed for others; ours stays to be tried again', () => {
  const t = new Timeline();
  t.addLocal(local('c-m1'));
  t.merge(data('m1', 1, { clientMessageId: 'c-m1' }), { epoch: 'a', offset: 1 });
  for (const n of [2, 3, 4]) t.merge(data(`m${n}`, n), { epoch: 'a', offset: n });
  for (const n of [1, 2, 3]) failure(t, `m${n}`, n + 4);
  for (const n of [3, 4]) t.mergeStored(data(`m${n}`, n));
  t.dropFailed();
  assert.deepEqual(states(t), [['m1', 'failed', 'API_REJECTED'], ['m3', 'stored', null], ['m4', 'stored', null]]);
  assert.equal(t.last().id, 'm4');
});

test('the old API gives an accepted message another id when it stores it', () => {
  const t = new Timeline();
  t.addLocal(local('k1'));
  t.ack({ clientMessageId: 'k1', id: 'derived', status: 'accepted' });
  t.ack({ clientMessageId: 'k1', id: 'minted', status: 'stored' });
  t.merge(data('minted', 1, { content: 'mine' }), { epoch: 'a', offset: 1 });
  assert.deepEqual(states(t), [['minted', 'stored', null]]);
});

test('an update changes what is shown, ignores what is not, and does not move it', () => {
  const t = new Timeline();
  t.merge(data('m1', 1), { epoch: 'a', offset: 1 });
  t.merge(data('m2', 2), { epoch: 'a', offset: 2 });
  assert.equal(t.update(data('zzz', 1), {}), null);
  t.update({ id: 'm1', content: 'new', updatedAt: when(9) }, { epoch: 'a', offset: 3 });
  t.update({ id: 'm1', content: 'late', updatedAt: when(8) }, { epoch: 'a', offset: 2 });
  assert.deepEqual(t.list().map((e) => e.content), ['new', 'text m2']);
  assert.equal(t.list()[0].role, 'user');
});

test('each agent joins once', () => {
  const t = new Timeline();
  assert.ok(t.joined({ agentId: 'a', agentName: 'Ada', timestamp: when(1) }, { epoch: 'a', offset: 1 }));
  assert.equal(t.joined({ agentId: 'a', agentName: 'Ada', timestamp: when(2) }, { epoch: 'a', offset: 2 }), null);
  t.joined({ agentId: 'b', timestamp: when(3) }, { epoch: 'a', offset: 3 });
  assert.deepEqual(t.list().map((e) => [e.kind, e.content]), [['event', 'Ada'], ['event', 'Agent']]);
});

test('it stays bounded, and what is not stored is never cut', () => {
  const t = new Timeline();
  t.addLocal(local('k1'));
  for (let i = 1; i <= 2_100; i += 1) t.merge(data(`m${i}`, 0), { epoch: 'a', offset: i });
  const list = t.list();
  assert.equal(list.length, 2_000);
  assert.equal(list[0].id, 'm102');
  assert.equal(list.at(-1).clientMessageId, 'k1');
});

test('whatever the order of arrival, the same frames give the same list', () => {
  const frames = Array.from({ length: 12 }, (_, i) => [data(`m${i}`, 50 - i), { epoch: i < 6 ? 'a' : 'b', offset: (i % 6) + 1 }]);
  for (let round = 0; round < 100; round += 1) {
    const t = new Timeline();
    for (const f of [...frames, ...frames].sort(() => Math.random() - 0.5)) t.merge(...f);
    assert.deepEqual(ids(t), frames.map(([d]) => d.id));
  }
});

test('and so it is with failures among them', () => {
  const frames = Array.from({ length: 6 }, (_, i) => (t) => t.merge(data(`m${i}`, i), { epoch: 'a', offset: i + 1 }));
  for (const i of [1, 4]) frames.push((t) => failure(t, `m${i}`, i + 10));
  for (let round = 0; round < 100; round += 1) {
    const t = new Timeline();
    for (const f of [...frames, ...frames].sort(() => Math.random() - 0.5)) f(t);
    assert.deepEqual(t.list().map((e) => e.state), ['stored', 'failed', 'stored', 'stored', 'failed', 'stored']);
  }
});
