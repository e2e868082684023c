import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Answers } from '../answers.js';
import { HirobaError } from '../errors.js';

test('an answer goes to the one who asked', async () => {
  const answers = new Answers();
  const [a, b] = [answers.ask(), answers.ask()];
  assert.notEqual(a.id, b.id);
  assert.ok(answers.settle({ re: b.id, done: {} }));
  assert.ok(answers.settle({ re: a.id, published: { tracks: [] } }));
  assert.deepEqual(await a.answer, { re: a.id, published: { tracks: [] } });
  assert.deepEqual(await b.answer, { re: b.id, done: {} });
});

test('an error rejects, with what a person and a program need', async () => {
  const answers = new Answers();
  const { id, answer } = answers.ask();
  answers.settle({ re: id, error: { code: 'ROOM_FULL', message: 'The room is full.', retry: true } });
  await assert.rejects(answer, (error) => {
    assert.ok(error instanceof HirobaError);
    assert.deepEqual([error.code, error.message, error.retry], ['ROOM_FULL', 'The room is full.', true]);
    return true;
  });
});

test('what nobody asked for is nobody\'s', async (t) => {
  const answers = new Answers();
  const { id, answer } = answers.ask();
  await t.test('no id', () => assert.equal(answers.settle({ speakers: {} }), false));
  await t.test('unknown id', () => assert.equal(answers.settle({ re: 'other', done: {} }), false));
  await t.test('a second answer', async () => {
    assert.equal(answers.settle({ re: id, done: {} }), true);
    assert.equal(answers.settle({ re: id, done: {} }), false);
    await answer;
  });
});

test('an answer that does not come is a TIMEOUT', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const answers = new Answers(10_000);
    const { id, answer } = answers.ask();
    mock.timers.tick(9_999);
    const state = await Promise.race([answer.catch(() => 'rejected'), Promise.resolve('waiting')]);
    assert.equal(state, 'waiting');
    mock.timers.tick(1);
    await assert.rejects(answer, { code: 'TIMEOUT', retry: true });
    assert.equal(answers.settle({ re: id, done: {} }), false, 'a late answer is dropped');
  } finally {
    mock.timers.reset();
  }
});

test('with the link all waiting ends', async () => {
  const answers = new Answers();
  const waiting = [answers.ask(), answers.ask()];
  answers.fail(new HirobaError('LINK_LOST', 'gone'));
  for (const { answer } of waiting) await assert.rejects(answer, { code: 'LINK_LOST' });
});

test('an answer that comes after waiting has no name', async (t) => {
  /** @type {{name: string, follows: import('../messages.js').ServerMessage[], want: string}[]} */
  const cases = [
    { name: 'let in', follows: [{ joined: { peer: 'me' } }], want: 'joined' },
    { name: 'refused', follows: [{ error: { code: 'REFUSED' } }], want: 'REFUSED' },
    { name: 'of a candidate nothing is concluded', follows: [{ error: { code: 'JOIN_FIRST' } }, { joined: {} }], want: 'joined' },
    { name: 'nor of anything else', follows: [{ speakers: {} }, { joined: {} }], want: 'joined' },
  ];
  for (const { name, follows, want } of cases) {
    await t.test(name, async () => {
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        const answers = new Answers();
        let waits = 0;
        const { id, answer } = answers.ask({ onWaiting: () => waits++ });
        answers.settle({ re: id, waiting: {} });
        mock.timers.tick(3_600_000);
        assert.equal(waits, 1);
        for (const message of follows) answers.settle(message);
        assert.equal(await answer.then((message) => Object.keys(message)[0], ({ code }) => code), want);
        assert.equal(answers.settle({ joined: {} }), false, 'it was the last');
      } finally {
        mock.timers.reset();
      }
    });
  }
});
