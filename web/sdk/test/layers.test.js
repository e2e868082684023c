import assert from 'node:assert/strict';
import { test } from 'node:test';
import { activeLayers, ALL, encodingsOf, fitLayers, planLayers } from '../layers.js';

/** @import { Picture } from '../layers.js' */

const size = (/** @type {string} */ text) => {
  const [width = 0, height = 0] = text.split('×').map(Number);
  return { width, height };
};

/** @param {import('../layers.js').Layer[]} layers */
const words = (layers) => layers.map(({ rid, used, scale, bps = 0, mode = '' }) =>
  [rid, used ? `/${scale}` : 'unused', `${Math.round(bps / 1000)}k`, mode].filter(Boolean).join(' '));

const CAMERA = { kind: /** @type {const} */ ('video'), source: 'camera' };

for (const { name, picture = CAMERA, of = '1280×720', want } of /** @type {{name: string, picture?: Picture, of?: string, want: string[]}[]} */ ([
  { name: 'a camera', want: ['q /4 152k L1T3', 'h /2 509k L1T3', 'f /1 1700k L1T3'] },
  { name: 'a large camera', of: '1920×1080', want: ['q /4 309k L1T3', 'h /2 1031k L1T3', 'f /1 3000k L1T3'] },
  { name: 'a phone held upright', of: '720×1280', want: ['q /4 152k L1T3', 'h /2 509k L1T3', 'f /1 1700k L1T3'] },
  { name: 'a camera of the old shape', of: '640×480', want: ['q /2 196k L1T3', 'h /1 654k L1T3'] },
  { name: 'a small camera', of: '640×360', want: ['q /2 152k L1T3', 'h /1 509k L1T3'] },
  { name: 'a tiny camera', of: '320×180', want: ['/1 152k L1T3'] },
  { name: 'a thumbnail', of: '80×60', want: ['/1 100k L1T3'] },
  { name: 'nobody knows how large', of: '0×0', want: ['/1 1700k L1T3'] },
  { name: 'H264', picture: { ...CAMERA, codec: 'H264' }, of: '640×360', want: ['q /2 152k L1T3', 'h /1 509k L1T3'] },
  { name: 'VP9', picture: { ...CAMERA, codec: 'VP9' }, want: ['/1 1700k L3T3_KEY'] },
  { name: 'a small AV1', picture: { ...CAMERA, codec: 'AV1' }, of: '640×360', want: ['/1 509k L2T3_KEY'] },
  { name: 'a tiny AV1', picture: { ...CAMERA, codec: 'AV1' }, of: '320×180', want: ['/1 152k L1T3'] },
  { name: 'one size wanted', picture: { ...CAMERA, simulcast: false }, want: ['/1 1700k L1T3'] },
  { name: 'one size of VP9 wanted', picture: { ...CAMERA, codec: 'VP9', simulcast: false }, want: ['/1 1700k L1T3'] },
  { name: 'a screen', picture: { ...CAMERA, source: 'screen' }, want: ['/1 2500k L1T3'] },
  { name: 'something to read', picture: { ...CAMERA, source: 'slides', text: true }, want: ['/1 1700k L1T3'] },
  { name: 'a voice', picture: { kind: 'audio', source: 'microphone' }, of: '0×0', want: ['/1 0k'] },
])) {
  test(`layers: ${name}`, () => assert.deepEqual(words(planLayers(picture, size(of))), want));
}

test('a smaller source has fewer sizes, from the largest that it can give', () => {
  const rids = ['q', 'h', 'f'];
  assert.deepEqual(words(fitLayers(rids, CAMERA, size('640×480'))), ['q /2 196k', 'h /1 654k', 'f unused 654k']);
  assert.deepEqual(words(fitLayers(rids, CAMERA, size('320×180'))).map((text) => text.split(' ')[1]), ['/1', 'unused', 'unused']);
  assert.deepEqual(words(fitLayers(['q', 'h'], CAMERA, size('1280×720'))), ['q /2 509k', 'h /1 1700k'], 'there are no more than were offered');
});

test('the server is told of the sizes in use, the smallest first', () => {
  assert.deepEqual(encodingsOf(planLayers(CAMERA, size('1280×720')), size('1280×720')), [
    { rid: 'q', width: 320, height: 180 }, { rid: 'h', width: 640, height: 360 }, { rid: 'f', width: 1280, height: 720 },
  ]);
  assert.deepEqual(encodingsOf(fitLayers(['q', 'h', 'f'], CAMERA, size('640×480')), size('640×480')).map(({ rid }) => rid), ['q', 'h']);
  assert.deepEqual(encodingsOf(planLayers(CAMERA, size('0×0')), size('0×0')), [{ rid: '', width: 0, height: 0 }]);
});

for (const { name, of = '1280×720', fed = true, demand = ALL, want } of [
  { name: 'all, until the server says what it needs', want: 'q h f' },
  { name: 'what somebody receives', demand: { paused: false, rids: ['q', 'f'] }, want: 'q f' },
  { name: 'nothing, when nobody does', demand: { paused: true, rids: [] }, want: '' },
  { name: 'nothing, when the other peer has it directly', fed: false, want: '' },
  { name: 'nothing, for both reasons', fed: false, demand: { paused: true, rids: ['q'] }, want: '' },
  { name: 'the largest there is, when a larger one is wanted', of: '640×480', demand: { paused: false, rids: ['f'] }, want: 'h' },
  { name: 'what there is of a small source', of: '640×480', want: 'q h' },
  { name: 'a rid that was never offered', demand: { paused: false, rids: ['x'] }, want: 'f' },
]) {
  test(`what is sent: ${name}`, () => {
    const layers = fitLayers(['q', 'h', 'f'], CAMERA, size(of));
    const active = activeLayers(layers, fed, demand);
    assert.equal(layers.filter((_, i) => active[i]).map(({ rid }) => rid).join(' '), want);
  });
}

test('without simulcast only a pause counts', () => {
  const layers = planLayers({ ...CAMERA, source: 'screen' }, size('1280×720'));
  assert.deepEqual(activeLayers(layers, true, { paused: false, rids: [] }), [true]);
  assert.deepEqual(activeLayers(layers, true, { paused: false, rids: ['q'] }), [true]);
  assert.deepEqual(activeLayers(layers, true, { paused: true, rids: [] }), [false]);
});
