import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sequence } from '../assets/client/sequence.js';

const at = (epoch, offset) => {
  const s = new Sequence();
  s.moveTo(epoch, offset);
  return s;
};

test('the first frame sets the position, the next ones move it', () => {
  const s = new Sequence();
  assert.equal(s.see('a', 5), 'next');
  assert.equal(s.see('a', 6), 'next');
  assert.equal(s.see('a', 6), 'known');
  assert.equal(s.see('a', 2), 'known');
  assert.ok(s.isAt('a', 6));
});

test('a hole keeps the position until it is filled, in whatever order', () => {
  const s = at('a', 1);
  assert.equal(s.see('a', 4), 'hole');
  assert.equal(s.see('a', 3), 'hole');
  assert.ok(s.isAt('a', 1), 'a reconnect would ask from before the hole');
  assert.equal(s.see('a', 2), 'next');
  assert.ok(s.isAt('a', 4));
});

test('the greater epoch is a hole until it is taken over; a lesser one is old', () => {
  const s = at('b', 9);
  assert.equal(s.see('a', 50), 'known');
  assert.equal(s.see('c', 1), 'hole');
  assert.equal(s.see('c', 2), 'hole');
  assert.ok(s.isAt('b', 9));
  s.moveTo('c', 0);
  assert.ok(s.isAt('c', 2), 'what came meanwhile counts');
  s.moveTo('b', 99);
  assert.ok(s.isAt('c', 2), 'never back');
});

test('settling gives holes up', () => {
  const s = at('a', 1);
  s.see('a', 4);
  s.note('a', 7);
  s.settle();
  assert.ok(s.isAt('a', 7));
  new Sequence().settle(); // nothing known, nothing done
});

test('any order of the same frames ends at the same place', () => {
  for (let round = 0; round < 200; round += 1) {
    const offsets = [2, 3, 4, 5, 6, 7, 8].sort(() => Math.random() - 0.5);
    const s = at('a', 1);
    for (const o of offsets) s.see('a', o);
    assert.ok(s.isAt('a', 8), offsets.join());
  }
});
