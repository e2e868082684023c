import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hue, initials, inventRoom, roomName } from '../names.js';

test('initials', () => {
  for (const [name, want] of [
    ['Ann', 'A'],
    ['ann lee', 'AL'],
    ['Ana Maria de Souza', 'AS'],
    ['  Ann   Lee ', 'AL'],
    ['広場 太郎', '広太'],
    ['👩‍🚀 Ann', '👩‍🚀A'],
    ['', '?'],
  ]) {
    assert.equal(initials(name ?? ''), want);
  }
});

test('a name has one colour, and names differ', () => {
  assert.equal(hue('Ann'), hue('Ann'));
  const names = ['Ann', 'Anna', 'Bo', 'Chen', 'Dana', 'Eli'];
  assert.ok(new Set(names.map(hue)).size > names.length / 2);
});

test('what was typed becomes a room name that the server takes', () => {
  for (const [typed, want] of [
    ['tea', 'tea'],
    ['  Tea  at five ', 'Tea-at-five'],
    ['über_uns.2', 'über_uns.2'],
    ['広場', '広場'],
    ['हिन्दी', 'हिन्दी'],
    ['a/b?c#d', 'abcd'],
    ['..hidden', 'hidden'],
    ['/.hidden', 'hidden'],
    ['<script>', 'script'],
    ['!!!', ''],
    ['x'.repeat(80), 'x'.repeat(64)],
  ]) {
    assert.equal(roomName(typed ?? ''), want);
  }
});

test('invented names are room names, and differ', () => {
  const names = Array.from({ length: 50 }, () => inventRoom());
  for (const name of names) assert.equal(roomName(name), name);
  assert.ok(new Set(names).size > 45);
});
