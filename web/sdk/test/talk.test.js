import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { HirobaError } from '../errors.js';
import { Talk } from '../talk.js';

mock.timers.enable({ apis: ['setTimeout'] });

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Talk over a link that takes everything, or refuses it. */
function make() {
  /** @type {any[]} */
  const sent = [];
  /** @type {string[]} */
  const heard = [];
  const link = {
    /** @type {HirobaError | null} */
    refusal: null,
    /** @param {any} body */
    request: async (body) => {
      if (link.refusal) throw link.refusal;
      sent.push(body.message);
    },
  };
  const talk = new Talk(/** @type {any} */ (link), ({ from, topic, text }) => heard.push(`${from} ${topic} ${text}`));
  return { talk, link, sent, heard };
}

test('what is said goes as it is, or as JSON', async () => {
  const { talk, sent } = make();
  await talk.emit('chat', 'hello');
  await talk.emit('move', { x: 1 }, { to: ['ann'] });
  await talk.emit('nothing', undefined);
  assert.deepEqual(sent.map(({ to, text }) => [to, text]), [[[], 'hello'], [['ann'], '{"x":1}'], [[], '']]);
});

test('a question', async (t) => {
  await t.test('to one is answered by its value', async () => {
    const { talk, sent, heard } = make();
    const answer = talk.ask('dice', 6, { to: ['ann'] });
    await settle();
    talk.hear({ from: 'eve', topic: 'dice', text: '0', answers: sent[0].ask });
    talk.hear({ from: 'ann', topic: 'dice', text: '{"won":true}', answers: sent[0].ask });
    assert.deepEqual(await answer, { won: true });
    talk.hear({ from: 'ann', topic: 'dice', text: '1', answers: sent[0].ask });
    assert.deepEqual(heard, [], 'answers are no messages');
  });
  await t.test('to several is answered when all have', async () => {
    const { talk, sent } = make();
    const answer = talk.ask('vote', '?', { to: ['ann', 'bob', 'eve'] });
    await settle();
    talk.hear({ from: 'bob', text: '"no"', answers: sent[0].ask });
    talk.left('eve');
    talk.hear({ from: 'ann', text: '"yes"', answers: sent[0].ask });
    assert.deepEqual(await answer, new Map([['bob', 'no'], ['ann', 'yes']]));
  });
  await t.test('to several is answered in time by those who did', async () => {
    const { talk, sent } = make();
    const answer = talk.ask('vote', '?', { to: ['ann', 'bob'], timeoutMs: 500 });
    await settle();
    talk.hear({ from: 'bob', text: '1', answers: sent[0].ask });
    mock.timers.tick(500);
    assert.deepEqual(await answer, new Map([['bob', 1]]));
  });
  await t.test('to everybody is answered by the first', async () => {
    const { talk, sent } = make();
    const answer = talk.ask('who', '?');
    await settle();
    talk.hear({ from: 'bob', text: 'me', answers: sent[0].ask });
    assert.equal(await answer, 'me');
  });
  await t.test('that nobody answers', async () => {
    const { talk } = make();
    const answer = talk.ask('who', '?');
    await settle();
    mock.timers.tick(10_000);
    await assert.rejects(answer, { code: 'TIMEOUT', retry: true });
  });
  await t.test('to one who leaves', async () => {
    const { talk } = make();
    const answer = talk.ask('who', '?', { to: ['ann'] });
    await settle();
    talk.left('ann');
    await assert.rejects(answer, { code: 'NO_SUCH_PEER' });
  });
  await t.test('that the server refuses', async () => {
    const { talk, link } = make();
    link.refusal = new HirobaError('NOT_GRANTED', 'No.');
    await assert.rejects(talk.ask('who', '?'), { code: 'NOT_GRANTED' });
  });
  await t.test('when the room ends', async () => {
    const { talk } = make();
    const answer = talk.ask('who', '?');
    await settle();
    talk.end(new HirobaError('CLOSED', 'left'));
    await assert.rejects(answer, { code: 'CLOSED' });
  });
});

test('what others ask', async (t) => {
  await t.test('is answered to them alone', async () => {
    const { talk, sent, heard } = make();
    const off = talk.answer('double', async (value, { from }) => ({ from, twice: value * 2 }));
    talk.hear({ from: 'ann', topic: 'double', text: '4', ask: 'q' });
    await settle();
    assert.deepEqual(sent, [{ to: ['ann'], topic: 'double', text: '{"from":"ann","twice":8}', answers: 'q' }]);
    off();
    talk.hear({ from: 'ann', topic: 'double', text: '4', ask: 'r' });
    await settle();
    assert.equal(sent.length, 1);
    assert.deepEqual(heard, ['ann double 4'], 'without a handler it is a message like others');
  });
  await t.test('by somebody who has gone is no fault', async () => {
    const { talk, link } = make();
    talk.answer('t', () => 1);
    link.refusal = new HirobaError('NO_SUCH_PEER', 'gone');
    talk.hear({ from: 'ann', topic: 't', ask: 'q' });
    await settle();
  });
});

test('history', () => {
  const { talk, heard } = make();
  const before = talk.before([{ from: 'ann', topic: 'chat', text: 'a', sentMs: '10' }]);
  assert.deepEqual(before.map(({ text, sentMs }) => [text, sentMs]), [['a', 10]]);
  talk.hear({ from: 'ann', topic: 'chat', text: 'b', sentMs: '20' });
  talk.hear({ from: 'ann', to: ['me'], topic: 'chat', text: 'private', sentMs: '40' });
  talk.catchUp([
    { from: 'ann', topic: 'chat', text: 'a', sentMs: '10' },
    { from: 'ann', topic: 'chat', text: 'b', sentMs: '20' },
    { from: 'me', topic: 'chat', text: 'own', sentMs: '25' },
    { from: 'bob', topic: 'chat', text: 'c', sentMs: '30' },
    { from: 'bob', topic: 'chat', text: 'd', sentMs: '30' },
  ], 'me');
  assert.deepEqual(heard, ['ann chat b', 'ann chat private', 'bob chat c', 'bob chat d'], 'what was missed, once');
});
