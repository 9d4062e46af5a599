import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionText, initials, linkify, visitorName } from '../assets/ui/text.js';

const links = (text) => linkify(text).filter((p) => p.href).map((p) => p.text);

test('linkify gives the whole text back, whatever it is', () => {
  for (const text of ['', 'plain', 'a http://x.example b', 'https://x.example', '<img src=x onerror=alert(1)>', 'http://', 'https://x.example.']) {
    assert.equal(linkify(text).map((p) => p.text).join(''), text);
  }
});

test('only http and https become links', () => {
  assert.deepEqual(links('javascript:alert(1) data:text/html,x ftp://x.example mailto:a@x.example'), []);
  assert.deepEqual(links('javascript:https://x.example/'), ['https://x.example/']);
  assert.equal(linkify('javascript:https://x.example/')[1].href, 'https://x.example/');
  assert.deepEqual(links('http://bank.example@evil.example/'), [], 'a name that poses as the host');
});

test('punctuation around an address is not part of it', () => {
  assert.deepEqual(links('See https://x.example/a, or (https://x.example/b_(c)). And https://x.example/d?e=f!'),
    ['https://x.example/a', 'https://x.example/b_(c)', 'https://x.example/d?e=f']);
  assert.deepEqual(links('"https://x.example/q"'), ['https://x.example/q']);
});

test('a long run of brackets is quick', () => {
  const began = performance.now();
  linkify('https://x.example/' + ')'.repeat(16_000));
  assert.ok(performance.now() - began < 2_000);
});

test('names', () => {
  assert.equal(initials('Mara Lindqvist'), 'ML');
  assert.equal(initials('Ada'), 'AD');
  assert.equal(visitorName('chat_9f-3ab7'), 'Visitor 3AB7');
});

test('the connection in words', () => {
  assert.equal(connectionText({ status: 'open' }), '');
  assert.match(connectionText({ status: 'reconnecting', retryAt: 4_200 }, 1_000), /in 4 s/);
  assert.match(connectionText({ status: 'closed', reason: 'token' }), /could not be opened/);
});
