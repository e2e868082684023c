import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStreamParser } from '../transports/event-stream.js';

/** @param {string[]} pieces */
function parse(...pieces) {
  const parser = new EventStreamParser();
  return pieces.flatMap((piece) => parser.push(piece)).map(({ id, type, data }) => `${id}|${type}|${data}`);
}

test('an event stream', async (t) => {
  const cases = [
    { name: 'one event', text: 'id: 1\ndata: a\n\n', want: ['1|message|a'] },
    { name: 'the id stays', text: 'id: 1\ndata: a\n\ndata: b\n\n', want: ['1|message|a', '1|message|b'] },
    { name: 'lines of data', text: 'data: a\ndata: b\n\n', want: ['|message|a\nb'] },
    { name: 'only one space goes', text: 'data:  a\n\ndata:b\n\n', want: ['|message| a', '|message|b'] },
    { name: 'a colon in the data', text: 'data: {"a":1}\n\n', want: ['|message|{"a":1}'] },
    { name: 'comments', text: ': ping\n\n:ping\ndata: a\n: ping\n\n', want: ['|message|a'] },
    { name: 'no data, no event', text: 'event: x\nid: 1\n\ndata: a\n\n', want: ['1|message|a'] },
    { name: 'a name of its own', text: 'event: x\ndata: a\n\ndata: b\n\n', want: ['|x|a', '|message|b'] },
    { name: 'empty data', text: 'data\n\n', want: ['|message|'] },
    { name: 'what is not known', text: 'retry: 5\nfoo: bar\ndata: a\n\n', want: ['|message|a'] },
    { name: 'a mark at the beginning', text: '\uFEFFdata: a\n\n', want: ['|message|a'] },
    { name: 'what is not complete', text: 'data: a\n\ndata: b\n', want: ['|message|a'] },
    { name: 'an id with a null', text: 'id: a\0b\ndata: a\n\n', want: ['|message|a'] },
  ];
  for (const { name, text, want } of cases) {
    await t.test(name, () => {
      assert.deepEqual(parse(text), want, 'in one piece');
      assert.deepEqual(parse(...text), want, 'character by character');
      for (const end of ['\r\n', '\r']) {
        const other = text.replaceAll('\n', end);
        assert.deepEqual(parse(other), want, `${JSON.stringify(end)}, in one piece`);
        assert.deepEqual(parse(...other), want, `${JSON.stringify(end)}, character by character`);
      }
    });
  }

  await t.test('bounds what it keeps', () => {
    const parser = new EventStreamParser();
    const piece = 'data: '.padEnd(1 << 20, 'x');
    assert.throws(() => {
      for (let i = 0; i < 10; i++) parser.push(piece);
    }, RangeError);
  });
  await t.test('but not how long it runs', () => {
    const parser = new EventStreamParser();
    const piece = `data: ${'x'.repeat(1 << 20)}\n\n: ${'ping'.repeat(1000)}\n\n`;
    for (let i = 0; i < 20; i++) assert.equal(parser.push(piece).length, 1);
  });
});
