import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Attention } from '../call/attention.js';

mock.timers.enable({ apis: ['setTimeout'] });

class Page extends EventTarget {
  visibilityState = 'visible';
  /** @type {unknown} */
  pictureInPictureElement = null;

  /** @param {'visible' | 'hidden'} state */
  turn(state) {
    this.visibilityState = state;
    this.dispatchEvent(new Event('visibilitychange'));
  }

  /** @param {unknown} element */
  float(element) {
    this.pictureInPictureElement = element;
    this.dispatchEvent(new Event(element ? 'enterpictureinpicture' : 'leavepictureinpicture'));
  }
}

function make() {
  const page = new Page();
  const life = new AbortController();
  const attention = new Attention(life.signal, /** @type {any} */ (page));
  /** @type {boolean[]} */
  const changes = [];
  attention.addEventListener('change', () => changes.push(attention.looking));
  return { page, life, attention, changes };
}

test('a page that is out of sight for five seconds shows nothing, until it is back', () => {
  const { page, changes } = make();
  page.turn('hidden');
  mock.timers.tick(4999);
  assert.deepEqual(changes, []);
  mock.timers.tick(1);
  page.turn('visible');
  assert.deepEqual(changes, [false, true]);
});

test('a look elsewhere costs nothing', () => {
  const { page, changes } = make();
  page.turn('hidden');
  mock.timers.tick(4000);
  page.turn('visible');
  mock.timers.tick(9000);
  assert.deepEqual(changes, []);
});

test('a picture in a window of its own is looked at', () => {
  const { page, changes } = make();
  page.turn('hidden');
  page.float({});
  mock.timers.tick(9000);
  assert.deepEqual(changes, []);
  page.float(null);
  mock.timers.tick(9000);
  assert.deepEqual(changes, [false]);
});

test('after the call nothing is followed', () => {
  const { page, life, changes } = make();
  page.turn('hidden');
  life.abort();
  mock.timers.tick(9000);
  assert.deepEqual(changes, []);
});
