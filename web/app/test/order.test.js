import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose } from '../call/order.js';

const CASES = [
  { name: 'all fit', all: 'abc', shown: '', places: 5, spoke: {}, want: 'abc' },
  { name: 'the first ones, when nobody has spoken', all: 'abcde', shown: '', places: 3, spoke: {}, want: 'abc' },
  { name: 'those who are shown stay in place', all: 'abcde', shown: 'cba', places: 3, spoke: {}, want: 'cba' },
  { name: 'a place that gets free is taken from the front', all: 'acde', shown: 'cba', places: 3, spoke: {}, want: 'cad' },
  { name: 'who speaks takes the place of the quietest', all: 'abcde', shown: 'abc', places: 3, spoke: { a: 3, b: 1, c: 2, e: 4 }, want: 'aec' },
  { name: 'who spoke longer ago than all shown waits', all: 'abcd', shown: 'abc', places: 3, spoke: { a: 3, b: 2, c: 4, d: 1 }, want: 'abc' },
  { name: 'two new speakers take two places', all: 'abcde', shown: 'abc', places: 3, spoke: { a: 5, d: 6, e: 7 }, want: 'ade' },
  { name: 'fewer places keep those who spoke', all: 'abcd', shown: 'abcd', places: 2, spoke: { b: 1, d: 2 }, want: 'bd' },
  { name: 'no places', all: 'ab', shown: 'ab', places: 0, spoke: { a: 1 }, want: '' },
  { name: 'nobody', all: '', shown: 'ab', places: 4, spoke: {}, want: '' },
];

for (const { name, all, shown, places, spoke, want } of CASES) {
  test(name, () => {
    const chosen = choose([...all], [...shown], places, new Map(Object.entries(spoke)));
    assert.equal([...chosen].sort().join(''), [...want].sort().join(''));
    for (const id of chosen) {
      // Whoever stays, stays where they were.
      const before = [...shown].filter((other) => all.includes(other)).slice(0, places).indexOf(id);
      if (before >= 0 && name !== 'fewer places keep those who spoke') assert.equal(chosen.indexOf(id), before);
    }
  });
}
