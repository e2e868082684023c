import assert from 'node:assert/strict';
import { test } from 'node:test';
import { News } from '../call/news.js';

const texts = (/** @type {News} */ news) => news.toasts.map((toast) => toast.text);

test('people who come together are told of together', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  for (const { names, want } of [
    { names: ['Ann'], want: 'Ann joined' },
    { names: ['Ann', 'Bo'], want: 'Ann and Bo joined' },
    { names: ['Ann', 'Bo', 'Chen', 'Dana'], want: 'Ann and 3 others joined' },
  ]) {
    const news = new News();
    for (const name of names) news.tellOf(name, 'joined');
    context.mock.timers.tick(1000);
    assert.deepEqual(texts(news), [want]);
  }
});

test('of several it is told as of several', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const news = new News();
  news.tellOf('Ann', 'is back');
  news.tellOf('Bo', 'is back');
  news.tellOf('Chen', 'was removed');
  context.mock.timers.tick(1000);
  assert.deepEqual(texts(news), ['Ann and Bo are back', 'Chen was removed']);
});

test('a flood shows the newest, and what waits for an answer stays', () => {
  const news = new News();
  news.tell('sound is off', undefined, { stays: true });
  for (let i = 1; i <= 100; i++) news.tell(`news ${i}`);
  assert.deepEqual(texts(news), ['sound is off', 'news 99', 'news 100']);
});

test('of the same thing only the last is shown, until it needs no more telling', () => {
  const news = new News();
  news.tell('one', undefined, { about: 'chat' });
  news.tell('other');
  news.tell('two', undefined, { about: 'chat' });
  assert.deepEqual(texts(news), ['other', 'two']);
  news.dropAbout('chat');
  assert.deepEqual(texts(news), ['other']);
});

test('an action is run once, and its toast goes', () => {
  const news = new News();
  let runs = 0;
  news.tell('message', { label: 'Read', run: () => runs++ });
  const number = news.toasts[0]?.number ?? 0;
  news.act(number);
  news.act(number);
  assert.equal(runs, 1);
  assert.deepEqual(texts(news), []);
});
