import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLabels, withLabels } from '../labels.js';

const SDP = [
  'v=0', 'a=group:BUNDLE 0 1 2',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'c=IN IP4 0.0.0.0', 'a=mid:0', 'a=sendonly',
  'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=sendonly', 'a=mid:1',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'a=mid:2', '',
].join('\r\n');

test('a description says which section carries which track', () => {
  const sdp = withLabels(SDP, new Map([['0', 'voice'], ['1', 'face']]));
  assert.deepEqual([...readLabels(sdp)], [['voice', '0'], ['face', '1']]);
  assert.equal(sdp.replaceAll(/a=label:.*\r\n/g, ''), SDP, 'and is the same otherwise');
  assert.ok(!/[^\r]\n/.test(sdp), 'in lines that end as the others do');
});

test('a section without a track has no label', () => {
  assert.equal(withLabels(SDP, new Map()), SDP);
  assert.deepEqual([...readLabels(SDP)], []);
});

test('what is no description has no labels', () => {
  for (const sdp of ['', 'a=mid:0\r\na=label:x\r\n', 'm=\r\na=label:x', 'm=audio\r\na=mid:\r\na=label:\r\n']) {
    assert.deepEqual([...readLabels(sdp)], [], JSON.stringify(sdp));
  }
});
