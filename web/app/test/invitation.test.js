import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readInvitation, takeInvitation } from '../invitation.js';

/** @param {object} claims */
function token(claims) {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`;
}

/** @param {string} hash */
function taken(hash) {
  /** @type {string[]} */
  const shown = [];
  const location = { hash, pathname: '/r/tea', search: '?name=Ann' };
  const history = { state: null, replaceState: (/** @type {unknown} */ _state, /** @type {string} */ _title, /** @type {any} */ url) => void shown.push(url) };
  return { invitation: takeInvitation(location, history), shown };
}

test('a token is taken, and out of the address', () => {
  const { invitation, shown } = taken(`#token=${token({ name: 'Ann' })}`);
  assert.equal(invitation?.token, token({ name: 'Ann' }));
  assert.deepEqual(shown, ['/r/tea?name=Ann']);
});

test('without a token the address stays as it is', () => {
  for (const hash of ['', '#', '#top', '#other=1']) {
    const { invitation, shown } = taken(hash);
    assert.equal(invitation, null);
    assert.deepEqual(shown, []);
  }
});

test('an empty token is none', () => {
  assert.equal(taken('#token=').invitation, null);
});

for (const { name, claims, want } of [
  { name: 'says nothing', claims: {}, want: ['', true, true] },
  { name: 'names us', claims: { name: 'Ånn 茶' }, want: ['Ånn 茶', true, true] },
  { name: 'lets us watch', claims: { grants: ['subscribe', 'data'] }, want: ['', false, false] },
  { name: 'lets us speak', claims: { sources: ['microphone'] }, want: ['', false, true] },
  { name: 'lets us moderate and speak', claims: { grants: ['publish', 'admin'], sources: ['microphone'] }, want: ['', false, true] },
  { name: 'says nonsense', claims: { name: 7, grants: 'all', sources: {} }, want: ['', true, true] },
]) {
  test(`invitation: ${name}`, () => {
    const invitation = readInvitation(token(claims));
    assert.deepEqual([invitation.name, invitation.allows('camera'), invitation.allows('microphone')], want);
  });
}

test('what is no token is left for the server to judge', () => {
  for (const text of ['x', 'a.b.c', 'a.%%%.c', `a.${btoa('[1')}.c`, `a.${btoa('null')}.c`]) {
    const invitation = readInvitation(text);
    assert.deepEqual([invitation.token, invitation.name, invitation.allows('camera')], [text, '', true]);
  }
});
