import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Link, signalUrl } from '../link.js';
import { FakeServer, settle } from './fake-server.js';

/** @import { ServerMessage } from '../messages.js' */
/** @import { HirobaError } from '../errors.js' */
/** @import { LinkOptions } from '../link.js' */

mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });

/** Lets time pass, and all that it brings about. */
async function pass(ms = 0) {
  await settle();
  for (let left = ms; left > 0;) {
    const step = Math.min(left, 500);
    mock.timers.tick(step);
    left -= step;
    await settle();
  }
}

let host = 0;

/**
 * A link to a server of its own, and what was heard over it.
 *
 * @param {LinkOptions & {server?: FakeServer, quiet?: boolean}} [options]
 */
async function open({ server = new FakeServer(), quiet = false, ...options } = {}) {
  const opening = Link.open(`https://h${++host}.example`, { random: () => 0, ...options });
  opening.catch(() => {});
  await pass(0);
  const link = await opening;
  /** @type {ServerMessage[]} */
  const messages = [];
  /** @type {HirobaError[]} */
  const ends = [];
  /** @type {HirobaError[]} */
  const failures = [];
  /** @type {string[]} */
  const log = [];
  const listener = {
    message: (/** @type {ServerMessage} */ m) => void messages.push(m),
    ended: (/** @type {HirobaError} */ e) => void ends.push(e),
    failed: (/** @type {HirobaError} */ e) => void failures.push(e),
    away: (/** @type {{attempt: number, waitMs: number}} */ { attempt, waitMs }) => void log.push(`away ${attempt} ${waitMs}`),
    attached: (/** @type {string} */ name) => void log.push(`attached ${name}`),
  };
  if (!quiet) link.listen(listener);
  return { server, link, messages, ends, failures, log, listener };
}

test('the address of the link follows that of the server', async (t) => {
  const cases = [
    { name: 'secure', url: 'https://host.example', want: 'https://host.example/v1/signal' },
    { name: 'plain, with a port', url: 'http://localhost:8080/', want: 'http://localhost:8080/v1/signal' },
    { name: 'under a path', url: 'https://host.example/calls/', want: 'https://host.example/calls/v1/signal' },
    { name: 'without what belongs to the page', url: 'https://host.example/?a=b#c', want: 'https://host.example/v1/signal' },
    { name: 'a WebSocket address', url: 'wss://host.example', want: 'https://host.example/v1/signal' },
  ];
  for (const { name, url, want } of cases) {
    await t.test(name, () => assert.equal(signalUrl(url), want));
  }
});

test('a link is open when the server has said welcome', async () => {
  const { server, link } = await open();
  assert.deepEqual(server.log, ['open websocket']);
  assert.equal(link.transport, 'websocket');
  assert.equal(link.welcome.limits?.messageBytes, 65536);
  link.close();
});

test('messages are numbered from 1 and acknowledge what was handled', async () => {
  const { server, link } = await open();
  link.tell({ view: {} });
  server.say({ speakers: {} });
  server.say({ speakers: {} });
  link.tell({ view: { shown: [] } });
  assert.deepEqual(server.session.taken, [
    { seq: '1', ack: '0', view: {} },
    { seq: '2', ack: '2', view: { shown: [] } },
  ]);
  link.close();
});

test('what comes before somebody listens is kept, answers are not held up', async () => {
  const { server, link, messages, listener } = await open({ quiet: true });
  const asked = link.request({ join: { room: 'tea' } });
  server.say({ re: server.session.taken[0].id, joined: { peer: 'me' } });
  server.say({ speakers: {} });
  assert.equal((await asked).joined?.peer, 'me');
  assert.deepEqual(messages, []);
  link.listen(listener);
  assert.deepEqual(messages.map(({ seq }) => seq), ['2']);
  link.close();
});

test('a message that is too large stays here, and its number is not used up', async () => {
  const server = new FakeServer();
  server.welcome.limits = { messageBytes: 200, descriptionBytes: 400 };
  const { link, failures } = await open({ server });
  const text = '広'.repeat(80);
  await assert.rejects(link.request({ message: { text } }), { code: 'MESSAGE_TOO_LARGE' });
  link.request({ description: { sdp: text } }).catch(() => {});
  await assert.rejects(link.request({ description: { sdp: text + text } }), { code: 'MESSAGE_TOO_LARGE' });
  assert.deepEqual(server.session.taken.map(({ seq }) => seq), ['1']);
  link.tell({ message: { text } });
  assert.deepEqual(failures.map(({ code }) => code), ['MESSAGE_TOO_LARGE'], 'of what nobody waits for the listener is told');
  link.close();
});

test('after a cut the session goes on', async (t) => {
  for (const [name, transports] of /** @type {const} */ ([['websocket', ['websocket']], ['sse', ['sse']], ['poll', ['poll']]])) {
    await t.test(`over ${name}: nothing is lost or doubled, and one attach is all it takes`, async () => {
      const { server, link, messages } = await open({ transports: [...transports] });
      await pass(10_000);
      server.say({ speakers: { peers: ['before'] } });
      link.tell({ view: { shown: [{ track: 'before' }] } });
      await pass(0);
      const attempts = server.log.length;
      server.faults.offline = true;
      server.cut();
      server.say({ speakers: { peers: ['missed'] } });
      link.tell({ view: { shown: [{ track: 'missed' }] } });
      await pass(0);
      server.faults.offline = false;
      await pass(2000);
      server.say({ speakers: { peers: ['after'] } });
      link.tell({ view: { shown: [{ track: 'after' }] } });
      await pass(100);
      assert.deepEqual(messages.map(({ speakers }) => speakers?.peers?.[0]), ['before', 'missed', 'after']);
      assert.deepEqual(server.session.taken.map(({ view }) => view.shown[0].track), ['before', 'missed', 'after']);
      const attached = server.log.slice(attempts).filter((entry) => entry.startsWith('attach') || entry.startsWith('open'));
      assert.deepEqual(attached.filter((entry) => entry !== `attach ${name}`), []);
      link.close();
    });
  }

  await t.test('at once, unless that happens again and again', async () => {
    const { server, link, log } = await open();
    for (let i = 0; i < 2; i++) {
      server.cut();
      await pass(1000);
    }
    assert.deepEqual(log, ['away 1 0', 'attached websocket', 'away 1 300', 'attached websocket']);
    await pass(15_000);
    server.cut();
    await pass(0);
    assert.deepEqual(log.slice(4), ['away 1 0', 'attached websocket']);
    link.close();
  });

  await t.test('with pauses of 0.3 to 20 seconds, until the session is over', async () => {
    const { server, link, ends, log } = await open({ transports: ['websocket'] });
    await pass(15_000);
    server.faults.offline = true;
    server.cut();
    await pass(59_000);
    assert.deepEqual(ends, []);
    const pauses = log.map((entry) => Number(entry.split(' ')[2]));
    assert.deepEqual(pauses.slice(0, 7), [0, 300, 600, 1200, 2400, 4800, 9600]);
    assert.ok(pauses.every((ms) => ms <= 20_000));
    await pass(2000);
    assert.deepEqual(ends.map(({ code, retry }) => [code, retry]), [['LINK_LOST', true]]);
    await assert.rejects(link.request({ view: {} }), { code: 'LINK_LOST' });
  });

  await t.test('unless the server has forgotten it', async () => {
    const { server, ends } = await open();
    await pass(15_000);
    server.session.over = true;
    server.cut();
    await pass(1000);
    assert.deepEqual(ends.map(({ code, retry }) => [code, retry]), [['LINK_LOST', true]]);
  });
});

test('the browser says that the network is back', async () => {
  const wake = new EventTarget();
  globalThis.addEventListener = /** @type {any} */ (wake.addEventListener.bind(wake));
  try {
    const { server, link, log, ends } = await open({ transports: ['websocket'] });
    await pass(15_000);
    server.faults.offline = true;
    server.cut();
    await pass(5000);
    server.faults.offline = false;
    assert.equal(link.transport, '');
    wake.dispatchEvent(new Event('online'));
    await pass(0);
    assert.equal(link.transport, 'websocket', 'it does not wait for its next turn');

    // The socket seems to live, but is of the network before.
    server.faults.websocket = 'deaf';
    server.session.attached = null;
    wake.dispatchEvent(new Event('online'));
    server.faults.websocket = '';
    await pass(5500);
    assert.equal(log.at(-1), 'attached websocket', 'and finds out soon whether what it has is still good');
    assert.deepEqual(ends, []);
    link.close();
  } finally {
    Reflect.deleteProperty(globalThis, 'addEventListener');
  }
});

test('answers', async (t) => {
  await t.test('may come after the cut, which does not count', async () => {
    const { server, link } = await open();
    await pass(15_000);
    server.faults.offline = true;
    server.cut();
    const asked = link.request({ view: {} });
    await pass(30_000);
    server.faults.offline = false;
    await pass(5000);
    server.say({ re: server.session.taken[0].id, done: {} });
    assert.ok((await asked).done);
    link.close();
  });

  await t.test('are not waited for longer than told', async () => {
    const { server, link } = await open();
    server.faults.offline = true;
    server.cut();
    const asked = link.request({ view: {} }, { timeoutMs: 2000 });
    asked.catch(() => {});
    await pass(2000);
    await assert.rejects(asked, { code: 'TIMEOUT' });
    link.close();
  });

  await t.test('that are lost are said to be, when a snapshot takes their place', async () => {
    const { server, link, messages } = await open();
    await pass(15_000);
    const taken = link.request({ view: {} });
    taken.catch(() => {});
    await pass(0);
    server.faults.offline = true;
    server.cut();
    const fresh = link.request({ mute: {} });
    await pass(0);
    server.session.seq = 3000;
    server.session.outbox = [];
    server.say({ joined: { snapshot: true, peer: 'me' } });
    server.faults.offline = false;
    await pass(1000);
    await assert.rejects(taken, { code: 'ANSWER_LOST', retry: true });
    assert.ok(messages.at(-1)?.joined?.snapshot);
    server.say({ re: server.session.taken[1].id, done: {} });
    assert.ok((await fresh).done, 'what was sent after it is answered as ever');
    link.close();
  });
});

test('the queue is bounded', async () => {
  const { server, link } = await open();
  server.faults.offline = true;
  server.cut();
  const asked = Array.from({ length: 1000 }, () => link.request({ view: {} }));
  for (const answer of asked) answer.catch(() => {});
  await assert.rejects(link.request({ view: {} }), { code: 'QUEUE_FULL', retry: true });
  server.faults.offline = false;
  await pass(5000);
  assert.deepEqual(server.session.taken.map(({ seq }) => seq), Array.from({ length: 1000 }, (_, i) => String(i + 1)));
  link.request({ view: {} }).catch(() => {});
  assert.equal(server.session.taken.length, 1001, 'and there is room again when the server has taken it');
  link.close();
});

test('what gathers goes out no faster than the server takes it', async () => {
  const server = new FakeServer();
  server.welcome.limits.messagesPerSecond = 50;
  const { link } = await open({ server });
  server.faults.offline = true;
  server.cut();
  for (let i = 0; i < 400; i++) link.tell({ view: {} });
  server.faults.offline = false;
  /** @type {number[]} */
  const counts = [];
  for (let i = 0; i < 9; i++) {
    await pass(1000);
    counts.push(server.session.received);
  }
  assert.ok((counts[0] ?? 0) <= 125, `${counts}`);
  for (let i = 1; i < counts.length; i++) assert.ok((counts[i] ?? 0) - (counts[i - 1] ?? 0) <= 50, `${counts}`);
  assert.deepEqual(server.session.taken.map(({ seq }) => seq), Array.from({ length: 400 }, (_, i) => String(i + 1)));
  link.close();
});

test('a busy client asks what was taken before its queue is full', async () => {
  const { server, link } = await open();
  for (let i = 0; i < 3000; i++) link.tell({ view: {} });
  assert.equal(server.session.taken.length, 3000);
  link.close();
});

test('a client that only listens acknowledges in time', async () => {
  const { server, link } = await open();
  for (let i = 0; i < 450; i++) server.say({ speakers: {} });
  assert.equal(server.session.acked, 400);
  link.close();
});

test('the end', async (t) => {
  await t.test('by a fatal error is that error', async () => {
    const { server, ends, messages } = await open();
    server.say({ error: { code: 'SLOW', message: 'Too slow.', fatal: true } });
    server.cut();
    await pass(1000);
    assert.deepEqual(ends.map(({ code }) => code), ['SLOW']);
    assert.deepEqual(messages, []);
  });
  await t.test('before somebody listens is told when somebody does', async () => {
    const { server, link, listener, ends } = await open({ quiet: true });
    server.say({ error: { code: 'ROOM_ENDED', fatal: true } });
    link.listen(listener);
    assert.deepEqual(ends.map(({ code }) => code), ['ROOM_ENDED']);
  });
  await t.test('that was wanted is not told; the server is, and what comes after fails', async () => {
    const { server, link, ends } = await open();
    const waiting = link.request({ view: {} });
    link.close();
    await assert.rejects(waiting, { code: 'CLOSED' });
    await assert.rejects(link.request({ view: {} }), { code: 'CLOSED' });
    link.tell({ view: {} });
    await pass(60_000);
    assert.deepEqual(ends, []);
    assert.deepEqual(server.session.taken.map(({ view, leave }) => [Boolean(view), Boolean(leave)]), [[true, false], [false, true]]);
  });
  for (const name of /** @type {const} */ (['sse', 'poll'])) {
    await t.test(`over ${name} is told by DELETE`, async () => {
      const { server, link } = await open({ transports: [name] });
      await pass(100);
      link.close();
      await pass(0);
      assert.equal(server.log.at(-1), 'delete');
    });
  }
  await t.test('of one who leaves is no loss', async () => {
    const { server, link, ends, log } = await open();
    const left = link.request({ leave: {} });
    server.cut();
    await assert.rejects(left, { code: 'CLOSED' });
    assert.deepEqual(log, []);
    assert.deepEqual(ends.map(({ code }) => code), ['CLOSED']);
  });
  await t.test('by somebody who took over is for good', async () => {
    const { server, ends } = await open();
    await pass(1000);
    server.session.attached?.fence();
    await pass(5000);
    assert.deepEqual(ends.map(({ code, retry }) => [code, retry]), [['FENCED', false]]);
  });
});

test('the heartbeat', async (t) => {
  for (const name of /** @type {const} */ (['websocket', 'sse'])) {
    await t.test(`keeps ${name} up, without using up numbers`, async () => {
      const { server, link, log } = await open({ transports: [name] });
      server.say({ speakers: {} });
      // The server's comments, for the stream.
      for (let i = 0; i < 4; i++) {
        await pass(15_000);
        server.say({ speakers: {} });
      }
      assert.deepEqual(log, []);
      assert.ok(server.session.acked >= 4);
      assert.equal(server.session.received, 0);
      link.close();
    });
  }
  await t.test('finds that nobody is there, and comes back another way', async () => {
    const { server, link, log } = await open({ transports: ['websocket'] });
    server.session.attached = null;
    await pass(29_000);
    assert.deepEqual(log, []);
    await pass(2000);
    assert.deepEqual(log, ['away 1 0', 'attached websocket']);
    link.close();
  });
});
