import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HirobaError } from '../errors.js';
import { Negotiation } from '../negotiation.js';

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A negotiation whose link and browser write down what they are asked, and answer when told. */
function make() {
  /** @type {string[]} */
  const log = [];
  /** @type {{resolve: (answer: any) => void, reject: (error: Error) => void}[]} */
  const asked = [];
  /** @type {HirobaError[]} */
  const broken = [];
  let offers = 0;
  const link = {
    /** @param {any} body */
    request: (body) => {
      log.push(`say ${body.description.sdp}`);
      return new Promise((resolve, reject) => asked.push({ resolve, reject }));
    },
  };
  const media = {
    offer: async () => `offer ${++offers}`,
    trickle: () => log.push('trickle'),
    /** @param {string} sdp */
    answer: async (sdp) => {
      if (sdp === 'bad') throw new Error('cannot parse');
      log.push(`apply ${sdp}`);
    },
    rollback: async () => log.push('rollback'),
  };
  const negotiation = new Negotiation(/** @type {any} */ (link), /** @type {any} */ (media), (error) => broken.push(error));
  /** @param {string} name */
  const run = (name) => negotiation.run({ make: () => void log.push(`make ${name}`), undo: () => void log.push(`undo ${name}`) });
  return { negotiation, log, asked, broken, run };
}

test('the next offer is made when the answer to the last was applied', async () => {
  const { run, log, asked } = make();
  const both = [run('a'), run('b')];
  await settle();
  assert.deepEqual(log, ['make a', 'say offer 1', 'trickle']);
  asked[0]?.resolve({ description: { sdp: 'answer 1' } });
  await settle();
  assert.deepEqual(log.slice(3), ['apply answer 1', 'make b', 'say offer 2', 'trickle']);
  asked[1]?.resolve({ description: { sdp: 'answer 2' } });
  await Promise.all(both);
});

test('an offer that is refused is taken back, and the next goes on', async () => {
  const { run, log, asked, broken } = make();
  const refused = run('a');
  const next = run('b');
  await settle();
  asked[0]?.reject(new HirobaError('NO_COMMON_CODEC', 'no'));
  await assert.rejects(refused, { code: 'NO_COMMON_CODEC' });
  await settle();
  assert.deepEqual(log.slice(3, 7), ['rollback', 'undo a', 'make b', 'say offer 2']);
  asked[1]?.resolve({ description: { sdp: 'answer' } });
  await next;
  assert.deepEqual(broken, []);
});

test('an answer that the browser refuses is a refusal, too', async () => {
  const { run, log, asked } = make();
  const refused = run('a');
  await settle();
  asked[0]?.resolve({ description: { sdp: 'bad' } });
  await assert.rejects(refused, { code: 'BAD_DESCRIPTION', message: /cannot parse/ });
  assert.deepEqual(log.slice(3), ['rollback', 'undo a']);
});

test('an answer that never comes breaks the negotiation', async () => {
  const { run, asked, broken } = make();
  const lost = run('a');
  await settle();
  asked[0]?.reject(new HirobaError('TIMEOUT', 'nothing came'));
  await assert.rejects(lost, { code: 'TIMEOUT' });
  assert.deepEqual(broken.map(({ code }) => code), ['TIMEOUT']);
});

test('after the end nothing is offered', async () => {
  const { negotiation, run, log, asked } = make();
  const running = run('a');
  const waiting = run('b');
  await settle();
  negotiation.end(new HirobaError('CLOSED', 'left'));
  asked[0]?.reject(new Error('the PeerConnection is closed'));
  for (const promise of [running, waiting, run('c')]) await assert.rejects(promise, { code: 'CLOSED' });
  assert.ok(!log.includes('make b') && !log.includes('make c'));
});
