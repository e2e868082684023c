import assert from 'node:assert/strict';
import { test } from 'node:test';
import { audioCodecs, videoCodecs } from '../codecs.js';

const codec = (/** @type {string} */ mimeType, /** @type {string} */ sdpFmtpLine) => ({ mimeType, sdpFmtpLine });

// As browsers list them, each in its own order and spelling.
const chromium = [
  codec('video/VP8', undefined),
  codec('video/rtx', undefined),
  codec('video/VP9', 'profile-id=2'),
  codec('video/VP9', 'profile-id=0'),
  codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f'),
  codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f'),
  codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f'),
  codec('video/H264', 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f'),
  codec('video/AV1', 'level-idx=5;profile=1;tier=0'),
  codec('video/AV1', 'level-idx=5;profile=0;tier=0'),
  codec('video/red', undefined),
  codec('video/ulpfec', undefined),
];

const short = (/** @type {{mimeType: string, sdpFmtpLine?: string}[]} */ codecs) =>
  codecs.map(({ mimeType, sdpFmtpLine }) => [mimeType.slice(6), sdpFmtpLine?.match(/profile(-level)?(-id)?=(\w+)/)?.[3]].filter(Boolean).join(' '));

test('a video section offers one profile of each codec', async (t) => {
  const cases = [
    { name: 'VP8 first unless told', list: chromium, want: ['VP8', 'VP9 0', 'H264 42e01f', 'AV1 0', 'rtx'] },
    { name: 'H264 first', list: chromium, first: 'H264', want: ['H264 42e01f', 'VP8', 'VP9 0', 'AV1 0', 'rtx'] },
    {
      name: 'AV1 and VP9 without parameters are profile 0',
      list: [codec('video/AV1', undefined), codec('video/VP9', undefined)],
      want: ['VP9', 'AV1'],
    },
    {
      name: 'spelled otherwise',
      list: [codec('video/h264', 'packetization-mode=1; PROFILE-LEVEL-ID=42C02A')],
      want: ['h264'],
    },
    { name: 'no codec that is forwarded', list: [codec('video/H265', ''), codec('video/rtx', '')], want: [] },
    { name: 'nothing', list: [], want: [] },
  ];
  for (const { name, list, first, want } of cases) {
    await t.test(name, () => assert.deepEqual(short(videoCodecs(list, /** @type {any} */ (first))), want));
  }
});

test('an audio section offers Opus, and after it Opus with redundancy', () => {
  const list = [codec('audio/opus', 'useinbandfec=1'), codec('audio/red', ''), codec('audio/PCMU', ''), codec('audio/telephone-event', '')];
  assert.deepEqual(short(audioCodecs(list)), ['opus', 'red']);
  assert.deepEqual(audioCodecs([codec('audio/PCMU', '')]), []);
});
