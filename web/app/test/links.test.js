import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesIn } from '../links.js';

/** The text with its addresses in brackets. @param {string} text */
function marked(text) {
  return addressesIn(text).map((part) => (part.address ? `[${part.text}]` : part.text)).join('');
}

for (const [name, text, want] of [
  ['no address', 'see you at five', 'see you at five'],
  ['nothing', '', ''],
  ['alone', 'https://example.org', '[https://example.org]'],
  ['in a sentence', 'It is at https://example.org/a?b=c#d, see there.', 'It is at [https://example.org/a?b=c#d], see there.'],
  ['at its end', 'Look at http://example.org/a.', 'Look at [http://example.org/a].'],
  ['in parentheses', '(https://example.org/a)', '([https://example.org/a])'],
  ['two', 'http://a.example http://b.example', '[http://a.example] [http://b.example]'],
  ['script', 'javascript:alert(1)', 'javascript:alert(1)'],
  ['data', 'data:text/html,hello', 'data:text/html,hello'],
  ['markup', '<a href="https://example.org">x</a>', '<a href="[https://example.org]">x</a>'],
]) {
  test(`links: ${name}`, () => assert.equal(marked(text ?? ''), want));
}

test('no part of the text is lost', () => {
  const text = 'a https://x.example/y, b\nhttp://z.example!';
  assert.equal(addressesIn(text).map((part) => part.text).join(''), text);
});

test('a very long text takes no long time', () => {
  assert.equal(addressesIn(`https://${'a.'.repeat(50_000)}`).length, 2);
});
