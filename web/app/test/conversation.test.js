import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Conversation } from '../call/conversation.js';

const HELLO = { from: 'p1', name: 'Bo', text: 'hello', at: 1, privately: false, seen: false };

test('unseen messages are counted until they are read', () => {
  const conversation = new Conversation();
  conversation.received(HELLO);
  conversation.received(HELLO);
  conversation.received({ ...HELLO, seen: true });
  assert.equal(conversation.unread, 2);
  conversation.read();
  assert.equal(conversation.unread, 0);
});

test('a private message says so on both sides', () => {
  const conversation = new Conversation();
  conversation.received({ ...HELLO, privately: true });
  conversation.address({ id: 'p1', name: 'Bo' });
  conversation.sending('me', 'only for you', 2);
  assert.deepEqual(conversation.messages.map(({ privately, to }) => [privately, to]), [['to you', ''], ['to Bo', 'p1']]);
});

test('what we write is sending, then sent or failed', () => {
  const conversation = new Conversation();
  const first = conversation.sending('me', 'one', 1);
  const second = conversation.sending('me', 'two', 2);
  conversation.delivered(first, 'sent');
  conversation.delivered(second, 'failed');
  assert.deepEqual(conversation.messages.map(({ delivery }) => delivery), ['sent', 'failed']);
});

test('a long talk lets go of its beginning', () => {
  const conversation = new Conversation();
  for (let i = 0; i < 1500; i++) conversation.received({ ...HELLO, text: String(i) });
  assert.equal(conversation.messages.length, 1000);
  assert.equal(conversation.messages.at(-1)?.text, '1499');
});

test('what was said before we came is first, and not unread', () => {
  const conversation = new Conversation();
  conversation.before([{ from: 'p1', name: 'Bo', text: 'early', at: 1 }]);
  conversation.received(HELLO);
  assert.equal(conversation.unread, 1);
  assert.deepEqual(conversation.messages.map(({ text, earlier }) => [text, earlier]), [['early', true], ['hello', false]]);
});

test('after joining again, only what we have missed is added', () => {
  const conversation = new Conversation();
  conversation.received({ ...HELLO, at: 5 });
  conversation.sending('me', 'from me', 6);
  conversation.before([
    { from: 'p1', name: 'Bo', text: 'hello', at: 5 },
    { from: 'me', name: '', text: 'from me', at: 7 },
    { from: 'p1', name: 'Bo', text: 'missed', at: 8 },
  ]);
  assert.deepEqual(conversation.messages.map(({ text }) => text), ['hello', 'from me', 'missed']);
});
