import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { View } from '../view.js';

mock.timers.enable({ apis: ['setTimeout'] });

function make() {
  /** @type {string[]} tracks of each view that was sent */
  const sent = [];
  const view = new View(({ shown = [] }) => sent.push(shown.map(({ track }) => track).join(' ')));
  return { view, sent };
}

test('the first view goes out at once, a burst as one', () => {
  const { view, sent } = make();
  view.set([{ track: 'a' }]);
  assert.deepEqual(sent, ['a']);
  view.set([{ track: 'b' }]);
  view.set([{ track: 'c' }]);
  mock.timers.tick(99);
  assert.deepEqual(sent, ['a']);
  mock.timers.tick(1);
  assert.deepEqual(sent, ['a', 'c']);
});

test('what is the same is not sent again', () => {
  const { view, sent } = make();
  view.set([{ track: 'a', width: 100.2 }]);
  mock.timers.tick(200);
  view.set([{ track: 'a', width: 100.4 }]);
  mock.timers.tick(200);
  assert.deepEqual(sent, ['a']);
  view.set([]);
  assert.deepEqual(sent, ['a', '']);
});

test('numbers are whole and not negative', () => {
  /** @type {any[]} */
  const sent = [];
  const view = new View(({ shown }) => sent.push(...(shown ?? [])));
  view.set([{ track: 'a', width: 640.6, height: -3, priority: NaN }]);
  assert.deepEqual(sent, [{ track: 'a', width: 641, height: 0, priority: 0, paused: false }]);
});

test('a place for whoever speaks names no track', () => {
  /** @type {any[]} */
  const sent = [];
  const view = new View(({ shown }) => sent.push(...(shown ?? [])));
  assert.equal(view.speakers, 0);
  view.set([{ speaker: true, width: 640, height: 360 }, { track: 'a' }, { speaker: true, track: 'b' }]);
  assert.deepEqual(sent.map(({ track, speaker }) => track ?? speaker), [true, 'a', true]);
  assert.equal(view.speakers, 2);
});

test('all is wanted until a view is set', () => {
  const { view } = make();
  assert.ok(view.has('a'));
  view.set([{ track: 'a' }]);
  assert.ok(view.has('a'));
  assert.ok(!view.has('b'));
});

test('nothing is sent after the end', () => {
  const { view, sent } = make();
  view.set([{ track: 'a' }]);
  view.set([{ track: 'b' }]);
  view.stop();
  mock.timers.tick(1000);
  assert.deepEqual(sent, ['a']);
});
