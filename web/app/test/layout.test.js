import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrange, capacity, GAP, grid } from '../call/layout.js';

/** @typedef {import('../call/layout.js').Box} Box */
/** @typedef {import('../call/layout.js').Cast} Cast */

/** The stage that is left of a window by the bar and the name. */
const STAGES = {
  'a laptop window': [1256, 628],
  'a phone': [374, 716],
  'a phone on its side': [764, 374],
  'a large screen': [2536, 1348],
  'half a screen': [640, 960],
  'next to nothing': [120, 90],
};

/** @param {import('../call/layout.js').Arrangement} arrangement */
function placed({ main, others, more, self, floating }) {
  return [main, ...others, more, floating ? null : self].filter((box) => box !== null);
}

/**
 * @param {Box} a
 * @param {Box} b
 */
function overlap(a, b) {
  return a.x < b.x + b.width - 0.01 && b.x < a.x + a.width - 0.01 && a.y < b.y + b.height - 0.01 && b.y < a.y + a.height - 0.01;
}

for (const [name, [width = 0, height = 0]] of Object.entries(STAGES)) {
  for (const main of /** @type {const} */ ([null, 'camera', 'screen'])) {
    test(`on ${name}, with ${main ?? 'nothing'} as main, every tile is on the stage and hides no other`, () => {
      for (let others = 0; others <= 60; others++) {
        const arrangement = arrange(width, height, { others, main });
        const boxes = placed(arrangement);
        for (const box of boxes) {
          assert.ok(box.width > 0 && box.height > 0, `${others} others: a tile of ${box.width} by ${box.height}`);
          assert.ok(box.x > -0.01 && box.y > -0.01, `${others} others: a tile begins at ${box.x}, ${box.y}`);
          assert.ok(box.x + box.width < width + 0.01 && box.y + box.height < height + 0.01, `${others} others: a tile leaves the stage`);
        }
        boxes.forEach((box, index) => {
          for (const later of boxes.slice(index + 1)) assert.ok(!overlap(box, later), `${others} others: two tiles overlap`);
        });
        assert.equal(arrangement.more === null, arrangement.others.length === others, `${others} others: "+N" is there when, and only when, somebody is not`);
      }
    });
  }
}

test('a camera is cropped within bounds', () => {
  for (const [width = 0, height = 0] of Object.values(STAGES)) {
    const least = width < height ? 3 / 4 : 4 / 3;
    for (let others = 0; others <= 25; others++) {
      for (const { width: w, height: h } of arrange(width, height, { others, main: null }).others) {
        assert.ok(w / h >= least - 0.01 && w / h <= 2.01, `${others} others on ${width} by ${height}: ${(w / h).toFixed(2)}`);
      }
    }
  }
});

test('tiles fill the stage', () => {
  for (const [count, share] of [[1, 0.95], [2, 0.7], [3, 0.7], [4, 0.95], [9, 0.9], [16, 0.9], [25, 0.9]]) {
    const boxes = grid(count ?? 0, { x: 0, y: 0, width: 1256, height: 628 });
    const covered = boxes.reduce((sum, { width, height }) => sum + width * height, 0) / (1256 * 628);
    assert.ok(covered >= (share ?? 1), `${count} tiles cover ${(covered * 100).toFixed(0)} %`);
  }
});

test('the last row, when it is not full, stands in the middle', () => {
  const boxes = grid(5, { x: 0, y: 0, width: 1200, height: 600 });
  const [, , , fourth, fifth] = boxes;
  assert.ok(fourth && fifth);
  assert.equal(fourth.x, 1200 - fifth.x - fifth.width);
  assert.equal(fifth.x - fourth.x - fourth.width, GAP);
});

test('alone, one has the stage', () => {
  const { self, floating, others } = arrange(1256, 628, { others: 0, main: null });
  assert.equal(others.length, 0);
  assert.equal(floating, false);
  assert.ok(self && self.width > 1200);
});

test('with one other, our own tile floats in a corner', () => {
  const { self, floating, others: [other] } = arrange(1256, 628, { others: 1, main: null });
  assert.equal(floating, true);
  assert.ok(self && other && self.width * self.height < other.width * other.height / 5);
  assert.ok(self.x + self.width < 1256 && self.y + self.height < 628);
});

test('our own tile takes a place that is free anyway', () => {
  assert.equal(arrange(1256, 628, { others: 2, main: null }).floating, true);
  assert.equal(arrange(1256, 628, { others: 3, main: null }).floating, false);
});

test('among small tiles our own is one of them', () => {
  const { self, floating, others: [other] } = arrange(1256, 628, { others: 12, main: null });
  assert.equal(floating, false);
  assert.equal(self?.width, other?.width);
});

test('a shared screen keeps its shape and has most of the stage', () => {
  for (const aspect of [4 / 3, 16 / 9, 21 / 9, 9 / 16]) {
    const { main } = arrange(1256, 628, { others: 4, main: 'screen', mainAspect: aspect });
    assert.ok(main);
    assert.ok(Math.abs(main.width / main.height - aspect) < 0.01, `${main.width} by ${main.height} for ${aspect}`);
  }
  const { main } = arrange(1256, 628, { others: 4, main: 'screen', mainAspect: 16 / 9 });
  assert.ok(main && main.width * main.height > 0.6 * 1256 * 628);
});

test('beside a shared screen we are in the strip', () => {
  const { self, floating } = arrange(1256, 628, { others: 3, main: 'screen' });
  assert.ok(self);
  assert.equal(floating, false);
});

test('our own pinned tile is not shown twice', () => {
  const { main, self, others } = arrange(1256, 628, { others: 3, main: 'camera', mainIsSelf: true });
  assert.ok(main);
  assert.equal(self, null);
  assert.equal(others.length, 3);
});

test('an upright picture fills an upright stage', () => {
  const crop = arrange(374, 716, { others: 1, main: null }).others[0];
  const whole = arrange(374, 716, { others: 1, main: null, upright: true }).others[0];
  assert.ok(crop && whole && whole.height > crop.height);
});

test('twenty-five fit everywhere but next to nothing', () => {
  for (const [name, [width = 0, height = 0]] of Object.entries(STAGES)) {
    const fits = capacity({ x: 0, y: 0, width, height }, width < height ? 3 / 4 : undefined);
    if (name === 'next to nothing') assert.equal(fits, 1);
    else assert.equal(fits, 25, name);
  }
});
