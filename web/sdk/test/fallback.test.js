import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Link } from '../link.js';
import { FakeServer, settle } from './fake-server.js';

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
 * Begins to open a link.
 *
 * @param {FakeServer} server
 * @param {LinkOptions & {url?: string}} [options]
 */
function begin(server, { url = `https://f${++host}.example`, ...options } = {}) {
  const opening = Link.open(url, { random: () => 0, ...options });
  opening.catch(() => {});
  /** @type {HirobaError[]} */
  const ends = [];
  /** @type {HirobaError[]} */
  const failures = [];
  /** @type {string[]} */
  const heard = [];
  const listened = opening.then((link) => {
    link.listen({
      message: ({ speakers }) => void heard.push(speakers?.peers?.[0] ?? '?'),
      ended: (error) => void ends.push(error),
      failed: (error) => void failures.push(error),
    });
    return link;
  });
  listened.catch(() => {});
  return { opening: listened, ends, failures, heard, url };
}

test('a transport that does not get through is left after three seconds', async (t) => {
  /** @type {{name: string, faults: Partial<FakeServer['faults']>, ms: number, want: string, log: string[]}[]} */
  const cases = [
    { name: 'all is well', faults: {}, ms: 0, want: 'websocket', log: ['open websocket'] },
    { name: 'upgrades are refused', faults: { websocket: 'refuse' }, ms: 0, want: 'sse', log: ['open websocket', 'open http', 'attach sse'] },
    { name: 'upgrades are swallowed', faults: { websocket: 'silent' }, ms: 3000, want: 'sse', log: ['open websocket', 'open http', 'attach sse'] },
    {
      name: 'streams are kept back, too', faults: { websocket: 'refuse', sse: 'buffer' }, ms: 3000, want: 'poll',
      log: ['open websocket', 'open http', 'attach sse', 'attach poll', 'poll on'],
    },
    {
      name: 'neither upgrades nor streams', faults: { websocket: 'silent', sse: 'buffer' }, ms: 6000, want: 'poll',
      log: ['open websocket', 'open http', 'attach sse', 'attach poll', 'poll on'],
    },
  ];
  for (const { name, faults, ms, want, log } of cases) {
    await t.test(name, async () => {
      const server = new FakeServer();
      Object.assign(server.faults, faults);
      const { opening } = begin(server);
      await pass(ms);
      const link = await opening;
      await pass(0);
      assert.equal(link.transport, want);
      assert.deepEqual(server.log, log);
      link.close();
    });
  }
});

test('what worked is tried first by the next link of the page', async () => {
  const server = new FakeServer();
  server.faults.websocket = 'refuse';
  const first = begin(server);
  await pass(0);
  (await first.opening).close();
  server.log = [];
  const second = begin(server, { url: first.url });
  await pass(0);
  const link = await second.opening;
  assert.deepEqual(server.log.filter((entry) => entry !== 'delete'), ['open http', 'attach sse']);
  link.close();
});

test('a server that cannot be reached says why', async (t) => {
  await t.test('nothing answers', async () => {
    const server = new FakeServer();
    server.faults.offline = true;
    const { opening } = begin(server);
    await pass(0);
    await assert.rejects(opening, { code: 'UNREACHABLE', retry: true, message: /f\d+\.example/ });
  });
  await t.test('a proxy has a page of its own', async () => {
    const server = new FakeServer();
    server.faults.refuse = { status: 407 };
    const { opening } = begin(server);
    await pass(0);
    await assert.rejects(opening, { code: 'UNREACHABLE', message: /407/ });
  });
  for (const code of /** @type {const} */ (['ACCESS_REQUIRED', 'TOO_MANY_SESSIONS'])) {
    await t.test(`the server refuses: ${code}`, async () => {
      const server = new FakeServer();
      server.faults.refuse = { status: 401, error: { code, message: 'No.' }, headers: { 'Retry-After': '7' } };
      const { opening } = begin(server);
      await pass(0);
      await assert.rejects(opening, { code, message: 'No.', retryAfterMs: 7000 });
      assert.deepEqual(server.log, ['open websocket'], 'another transport would hear the same');
    });
  }
  await t.test('it is given up', async () => {
    const server = new FakeServer();
    server.faults.websocket = 'silent';
    const stop = new AbortController();
    const { opening } = begin(server, { signal: stop.signal });
    await pass(1000);
    stop.abort();
    await assert.rejects(opening, { code: 'CLOSED' });
  });
});

test('a link moves up again, and loses nothing on the way', async (t) => {
  for (const [name, faults] of /** @type {[string, Partial<FakeServer['faults']>][]} */ ([
    ['sse', { websocket: 'refuse' }], ['poll', { websocket: 'refuse', sse: 'refuse' }],
  ])) {
    await t.test(`from ${name}`, async () => {
      const server = new FakeServer();
      Object.assign(server.faults, faults);
      const { opening, heard, ends } = begin(server);
      await pass(0);
      const link = await opening;
      Object.assign(server.faults, { websocket: '', sse: '' });
      for (let i = 0; i < 40; i++) {
        server.say({ speakers: { peers: [String(i)] } });
        link.tell({ view: { shown: [{ track: String(i) }] } });
        await pass(1000);
      }
      assert.equal(link.transport, 'websocket');
      const want = Array.from({ length: 40 }, (_, i) => String(i));
      assert.deepEqual(heard, want);
      assert.deepEqual(server.session.taken.map(({ view }) => view.shown[0].track), want);
      assert.deepEqual(ends, []);
      assert.ok(!server.log.includes('delete'));
      link.close();
    });
  }

  await t.test('after 30 seconds, then ever more rarely', async () => {
    const server = new FakeServer();
    server.faults.websocket = 'refuse';
    const { opening } = begin(server, { transports: ['websocket', 'poll'] });
    await pass(0);
    const link = await opening;
    const tries = () => server.log.filter((entry) => entry === 'attach websocket').length;
    const counts = [];
    for (const ms of [29_000, 2000, 57_000, 4000, 116_000, 4000, 600_000]) {
      await pass(ms);
      counts.push(tries());
    }
    assert.deepEqual(counts.slice(0, 6), [0, 1, 1, 2, 2, 3]);
    assert.ok((counts[6] ?? 0) <= 6, `never more often than about every four minutes: ${counts[6]}`);
    link.close();
  });

  await t.test('an attempt that fences and then fails costs a reconnect, not the session', async () => {
    const server = new FakeServer();
    server.faults.websocket = 'refuse';
    const { opening, ends, heard } = begin(server);
    await pass(0);
    const link = await opening;
    server.faults.websocket = 'deaf';
    await pass(34_000);
    server.say({ speakers: { peers: ['after'] } });
    await pass(1000);
    assert.equal(link.transport, 'sse');
    assert.deepEqual(heard, ['after']);
    assert.deepEqual(ends, []);
    link.close();
  });
});

test('a stream that begins to be kept back is left for polls', async () => {
  const server = new FakeServer();
  server.faults.websocket = 'refuse';
  const { opening, heard } = begin(server);
  await pass(0);
  const link = await opening;
  assert.equal(link.transport, 'sse');
  server.faults.sse = 'buffer';
  server.say({ speakers: { peers: ['stuck'] } });
  await pass(21_000);
  assert.equal(link.transport, 'poll');
  assert.deepEqual(heard, ['stuck']);
  link.close();
});

test('a transport that keeps breaking is left for the next', async () => {
  const server = new FakeServer();
  const { opening } = begin(server);
  await pass(0);
  const link = await opening;
  for (let i = 0; i < 3; i++) {
    await pass(2000);
    server.cut();
  }
  await pass(2000);
  assert.equal(link.transport, 'sse');
  link.close();
});

test('requests go one at a time and in order, with what gathers meanwhile', async (t) => {
  /** @param {Partial<FakeServer['faults']>} faults */
  const start = async (faults) => {
    const server = new FakeServer();
    const { opening, ends } = begin(server, { transports: ['sse'] });
    await pass(0);
    const link = await opening;
    Object.assign(server.faults, faults);
    server.log = [];
    for (let i = 0; i < 120; i++) link.tell({ view: {} });
    return { server, link, ends };
  };
  const numbers = Array.from({ length: 120 }, (_, i) => String(i + 1));

  await t.test('all is well', async () => {
    const { server, link } = await start({});
    await pass(0);
    assert.deepEqual(server.log, ['post 1', 'post 50', 'post 50', 'post 19']);
    assert.deepEqual(server.session.taken.map(({ seq }) => seq), numbers);
    link.close();
  });
  await t.test('an answer is lost', async () => {
    const { server, link } = await start({ post: 'loseAnswer' });
    await pass(0);
    server.faults.post = '';
    await pass(500);
    assert.deepEqual(server.session.taken.map(({ seq }) => seq), numbers, 'carried out once');
    assert.ok(!server.log.includes('attach sse'));
    link.close();
  });
  await t.test('requests fail for longer', async () => {
    const { server, link, ends } = await start({ post: 'fail' });
    await pass(4000);
    server.faults.post = '';
    await pass(4000);
    assert.ok(server.log.includes('attach sse'));
    assert.deepEqual(server.session.taken.map(({ seq }) => seq), numbers);
    assert.deepEqual(ends, []);
    link.close();
  });
});

/** @param {number} expires  Unix milliseconds */
const token = (expires, n = 0) => `h.${Buffer.from(JSON.stringify({ exp: expires / 1000, n })).toString('base64url')}.s`;

test('access tokens', async (t) => {
  await t.test('go where no log has them', async () => {
    for (const transports of /** @type {const} */ ([['websocket'], ['sse'], ['poll']])) {
      const server = new FakeServer();
      const { opening } = begin(server, { transports: [...transports], token: 'a.b.c' });
      await pass(0);
      const link = await opening;
      link.tell({ view: {} });
      server.cut();
      await pass(1000);
      assert.ok(server.seen[0]?.tokens.some((seen) => seen.endsWith('a.b.c')), `${transports} shows it at first`);
      for (const { url } of server.seen) assert.ok(!/a\.b\.c|-T\d/u.test(url), url);
      const later = server.seen.slice(1).filter(({ tokens }) => tokens.some((seen) => seen.endsWith('a.b.c')));
      assert.deepEqual(later, [], 'the resume token is enough from then on');
      link.close();
    }
  });
  await t.test('are renewed before they expire', async () => {
    const server = new FakeServer();
    let asked = 0;
    const { opening, failures } = begin(server, {
      token: async () => {
        if (++asked === 2) throw new Error('the application is busy');
        return token(Date.now() + 600_000, asked);
      },
    });
    await pass(0);
    const link = await opening;
    server.say({ accessExpiring: { expiresMs: String(Date.now() + 60_000) } });
    await pass(6000);
    assert.equal(asked, 3, 'asked again after a failure');
    assert.deepEqual(failures.map(({ code }) => code), ['ACCESS_REQUIRED']);
    const { authenticate } = server.session.taken[0];
    assert.equal(authenticate.token, token(Date.now() - 6000 + 5000 + 600_000, 3));
    server.say({ re: server.session.taken[0].id, done: {} });
    await pass(0);
    link.close();
  });
  await t.test('that have expired are asked for anew on the way back', async () => {
    const server = new FakeServer();
    let asked = 0;
    const { opening } = begin(server, { token: () => token(Date.now() + 20_000, ++asked), transports: ['websocket'] });
    await pass(0);
    const link = await opening;
    await pass(19_000);
    server.cut();
    await pass(1000);
    assert.equal(asked, 2);
    assert.ok(server.seen.at(-1)?.tokens.some((seen) => seen.startsWith('hiroba.access.')));
    link.close();
  });
  await t.test('that the server refuses on the way back are asked for once', async () => {
    const server = new FakeServer();
    let asked = 0;
    const { opening, ends } = begin(server, { token: () => `a.b.${asked++ === 0 ? 'first' : 'other'}` });
    await pass(0);
    await opening;
    await pass(15_000);
    server.faults.refuse = { status: 401, error: { code: 'ACCESS_EXPIRED', message: 'Expired.' } };
    server.cut();
    await pass(10_000);
    assert.equal(asked, 3);
    assert.deepEqual(ends.map(({ code }) => code), ['ACCESS_EXPIRED']);
  });
  await t.test('that are none stay here', async () => {
    const server = new FakeServer();
    const { opening } = begin(server, { token: 'a b\n' });
    await pass(0);
    await assert.rejects(opening, { code: 'ACCESS_DENIED' });
    assert.deepEqual(server.seen, []);
  });
});
