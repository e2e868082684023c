import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Link, signalUrl } from '../link.js';

/** @import { ServerMessage } from '../messages.js' */

/** The socket, with the test for a server. */
class FakeSocket extends EventTarget {
  /** @type {any[]} */
  sent = [];
  closed = false;

  /**
   * @param {string} url
   * @param {string} protocol
   */
  constructor(url, protocol) {
    super();
    this.url = url;
    this.protocol = protocol;
    socket = this;
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  /** @param {ServerMessage} message */
  says(message) {
    this.gives(JSON.stringify(message));
  }

  /** @param {unknown} data */
  gives(data) {
    this.dispatchEvent(new MessageEvent('message', { data }));
  }

  breaks(code = 1006, reason = '') {
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
  }
}

/** @type {FakeSocket} the last that was opened */
let socket;

mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
globalThis.WebSocket = /** @type {any} */ (FakeSocket);

/** @param {ServerMessage['welcome']} [welcome] */
async function open(welcome = { heartbeatMs: 1000 }) {
  const opening = Link.open('https://host.example');
  socket.says({ welcome });
  const link = await opening;
  /** @type {ServerMessage[]} */
  const messages = [];
  /** @type {import('../errors.js').HirobaError[]} */
  const ends = [];
  const listener = { message: (/** @type {any} */ m) => messages.push(m), ended: (/** @type {any} */ e) => ends.push(e) };
  return { link, messages, ends, listener };
}

test('the address of the link follows that of the server', async (t) => {
  const cases = [
    { name: 'secure', url: 'https://host.example', want: 'wss://host.example/v1/signal' },
    { name: 'plain, with a port', url: 'http://localhost:8080/', want: 'ws://localhost:8080/v1/signal' },
    { name: 'under a path', url: 'https://host.example/calls/', want: 'wss://host.example/calls/v1/signal' },
    { name: 'without what belongs to the page', url: 'https://host.example/?a=b#c', want: 'wss://host.example/v1/signal' },
    { name: 'a WebSocket address already', url: 'wss://host.example', want: 'wss://host.example/v1/signal' },
  ];
  for (const { name, url, want } of cases) {
    await t.test(name, () => assert.equal(signalUrl(url), want));
  }
});

test('a link is open when the server has said welcome', async () => {
  const { link } = await open({ session: 's', limits: { slots: 9 }, heartbeatMs: 1000 });
  assert.equal(socket.protocol, 'hiroba.v1.json');
  assert.equal(link.welcome.limits?.slots, 9);
});

test('a server that cannot be reached', async (t) => {
  await t.test('refuses', async () => {
    const opening = Link.open('https://host.example');
    socket.breaks();
    await assert.rejects(opening, { code: 'UNREACHABLE', retry: true, message: /host\.example/ });
  });
  await t.test('says nothing', async () => {
    const opening = Link.open('https://host.example');
    mock.timers.tick(10_000);
    await assert.rejects(opening, { code: 'UNREACHABLE' });
    assert.ok(socket.closed);
  });
  await t.test('is full', async () => {
    const opening = Link.open('https://host.example');
    socket.says({ error: { code: 'SHUTTING_DOWN', message: 'Back soon.', retry: true, fatal: true } });
    await assert.rejects(opening, { code: 'SHUTTING_DOWN', message: 'Back soon.' });
  });
  for (const data of ['hello', '5', 'null', new ArrayBuffer(2)]) {
    await t.test(`is something else: ${data}`, async () => {
      const opening = Link.open('https://host.example');
      socket.gives(data);
      await assert.rejects(opening, { code: 'MALFORMED' });
    });
  }
});

test('messages are numbered from 1 and acknowledge what was handled', async () => {
  const { link, listener } = await open();
  link.listen(listener);
  link.tell({ leave: {} });
  socket.says({ seq: '1', speakers: {} });
  socket.says({ seq: '2', speakers: {} });
  link.tell({ view: { shown: [] } });
  assert.deepEqual(socket.sent, [
    { seq: '1', ack: '0', leave: {} },
    { seq: '2', ack: '2', view: { shown: [] } },
  ]);
});

test('what comes twice is handled once', async () => {
  const { link, listener, messages } = await open();
  link.listen(listener);
  for (const seq of ['1', '2', '2', '1', '3']) socket.says({ seq, speakers: { peers: [seq] } });
  assert.deepEqual(messages.map(({ seq }) => seq), ['1', '2', '3']);
});

test('what comes before somebody listens is kept, answers are not held up', async () => {
  const { link, listener, messages } = await open();
  const asked = link.request({ join: { room: 'tea' } });
  socket.says({ seq: '1', re: socket.sent[0].id, joined: { peer: 'me' } });
  socket.says({ seq: '2', speakers: {} });
  assert.equal((await asked).joined?.peer, 'me');
  assert.deepEqual(messages, []);
  link.listen(listener);
  assert.deepEqual(messages.map(({ seq }) => seq), ['2']);
});

test('a message that is too large stays here, and its number is not used up', async () => {
  const { link } = await open({ limits: { messageBytes: 200, descriptionBytes: 400 }, heartbeatMs: 1000 });
  const text = '広'.repeat(80);
  await assert.rejects(link.request({ message: { text } }), { code: 'MESSAGE_TOO_LARGE' });
  link.request({ description: { sdp: text } }).catch(() => {});
  await assert.rejects(link.request({ description: { sdp: text + text } }), { code: 'MESSAGE_TOO_LARGE' });
  assert.deepEqual(socket.sent.map(({ seq }) => seq), ['1']);
  link.close();
});

test('the heartbeat', async (t) => {
  await t.test('pings without a number', async () => {
    const { link, listener, ends } = await open();
    link.listen(listener);
    socket.says({ seq: '7', speakers: {} });
    for (let i = 0; i < 5; i++) {
      mock.timers.tick(1000);
      socket.says({ pong: { nowMs: '1' } });
    }
    assert.deepEqual(socket.sent, Array(5).fill({ ack: '7', ping: {} }));
    assert.deepEqual(ends, []);
  });
  await t.test('takes anything for a sign of life', async () => {
    const { link, listener, ends } = await open();
    link.listen(listener);
    for (let i = 1; i < 6; i++) {
      mock.timers.tick(1000);
      socket.says({ seq: String(i), speakers: {} });
    }
    assert.deepEqual(ends, []);
  });
  await t.test('ends the link two periods after a ping with no answer', async () => {
    const { link, listener, ends } = await open();
    link.listen(listener);
    mock.timers.tick(1000);
    mock.timers.tick(1000);
    assert.deepEqual(ends, []);
    mock.timers.tick(1000);
    assert.deepEqual(ends.map(({ code, retry }) => [code, retry]), [['LINK_LOST', true]]);
    assert.ok(socket.closed);
  });
});

test('the end', async (t) => {
  await t.test('of the socket is told once, with its reason', async () => {
    const { link, listener, ends } = await open();
    link.listen(listener);
    const waiting = link.request({ view: {} });
    socket.breaks(1008, 'too many messages');
    socket.breaks();
    await assert.rejects(waiting, { code: 'LINK_LOST', retry: true });
    assert.equal(ends.length, 1);
    assert.match(ends[0]?.message ?? '', /too many messages/);
  });
  await t.test('by a fatal error is that error', async () => {
    const { link, listener, ends, messages } = await open();
    link.listen(listener);
    socket.says({ seq: '1', error: { code: 'SLOW', message: 'Too slow.', fatal: true } });
    socket.breaks();
    assert.deepEqual(ends.map(({ code }) => code), ['SLOW']);
    assert.deepEqual(messages, []);
  });
  await t.test('before somebody listens is told when somebody does', async () => {
    const { link, listener, ends } = await open();
    socket.breaks();
    link.listen(listener);
    assert.deepEqual(ends.map(({ code }) => code), ['LINK_LOST']);
  });
  await t.test('that was wanted is not told; what comes after fails', async () => {
    const { link, listener, ends } = await open();
    link.listen(listener);
    const waiting = link.request({ view: {} });
    link.close();
    await assert.rejects(waiting, { code: 'CLOSED' });
    await assert.rejects(link.request({ view: {} }), { code: 'CLOSED' });
    link.tell({ view: {} });
    socket.says({ seq: '1', speakers: {} });
    mock.timers.tick(60_000);
    assert.deepEqual(ends, []);
    assert.equal(socket.sent.length, 1);
  });
});
