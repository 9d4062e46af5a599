import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterClose, afterError, backoff, LIMITS, Pacer, reconnectDelay, RECONNECT, refuseContent } from '../assets/client/policy.js';

const highest = () => 1 - Number.EPSILON;
const lowest = () => 0;

test('backoff doubles up to the cap, with jitter over all of it', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 500].map((n) => backoff(n, highest));
  assert.deepEqual(ceilings, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(backoff(9, lowest), 0);
  const spread = Array.from({ length: 2_000 }, () => backoff(5));
  const mean = spread.reduce((a, b) => a + b) / spread.length;
  assert.ok(Math.abs(mean - RECONNECT.cap / 2) < 1_500, `mean ${mean}`);
});

test('each close code has its consequence', () => {
  const lost = { retry: true, freshToken: false, limited: false };
  const table = {
    1000: { ...lost, retry: false }, 1009: { ...lost, retry: false },
    1001: lost, 1006: lost, 1012: lost, 4000: lost, 4009: lost, 4999: lost,
    4001: { ...lost, freshToken: true }, 4002: { ...lost, freshToken: true }, 4003: { ...lost, freshToken: true },
    4008: { ...lost, limited: true },
  };
  for (const [code, wanted] of Object.entries(table)) assert.deepEqual(afterClose(Number(code)), wanted, code);
});

test('the wait follows the advice, the code and the attempt', () => {
  assert.equal(reconnectDelay({ code: 1012, attempt: 7, adviceMs: 1_500, random: lowest }), 1_500);
  assert.ok(reconnectDelay({ code: 1012, attempt: 7, adviceMs: 1_500, random: highest }) <= 2_000);
  assert.equal(reconnectDelay({ code: 1012, attempt: 0, adviceMs: 0, random: highest }), 0);
  assert.ok(reconnectDelay({ code: 4003, attempt: 0, random: highest }) <= 250, 'an expired token is renewed at once');
  assert.ok(reconnectDelay({ code: 4003, attempt: 3, random: highest }) > 7_000, 'but not in a loop');
  assert.ok(reconnectDelay({ code: 4008, attempt: 0, random: lowest }) >= 5_000, 'whoever broke a limit waits');
  assert.ok(reconnectDelay({ code: 4008, attempt: 0, random: highest }) > reconnectDelay({ code: 1006, attempt: 0, random: highest }));
});

test('an error frame decides whether a message goes again', () => {
  assert.deepEqual(afterError({ retryable: false, code: 'ROLE_FORBIDDEN' }, 0), { retry: false, code: 'ROLE_FORBIDDEN' });
  assert.deepEqual(afterError({}, 0), { retry: false, code: 'INTERNAL' });
  assert.deepEqual(afterError({ retryable: true, retryAfterMs: 4_000 }, 0, lowest), { retry: true, delayMs: 4_000 });
  assert.deepEqual(afterError({ retryable: true }, 2, highest), { retry: true, delayMs: 2_000 });
});

test('content that cannot pass is refused before it is sent', () => {
  assert.equal(refuseContent('', '{}'), 'MISSING_FIELD');
  assert.equal(refuseContent('x'.repeat(LIMITS.content), 'x'), null);
  assert.equal(refuseContent('x'.repeat(LIMITS.content + 1), 'x'), 'CONTENT_TOO_LONG');
  assert.equal(refuseContent('😀'.repeat(LIMITS.content), 'x'), null, 'characters are code points');
  assert.equal(refuseContent('\u0001', '\\u0001'.repeat(11_000)), 'CONTENT_TOO_LONG', 'the frame has a limit of its own');
});

test('the pacer lets a burst through and then a steady rate', () => {
  const pacer = new Pacer({ perSecond: 10, burst: 3, now: 0 });
  assert.deepEqual([pacer.take(0), pacer.take(0), pacer.take(0)], [0, 0, 0]);
  assert.equal(pacer.take(0), 100);
  assert.equal(pacer.take(100), 0);
  assert.ok(pacer.take(100) > 0);
  assert.equal(pacer.take(90), 100, 'a clock that goes back gives nothing');
});
