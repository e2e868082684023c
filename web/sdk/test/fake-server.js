// A signaling server in this process, for tests: three transports over one
// session log, and a network between that can be made worse.

/** @typedef {import('../messages.js').ServerMessage} ServerMessage */

/** Lets all that is ready run. */
export async function settle() {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve));
}

class Session {
  /** What was carried out, in order. @type {any[]} */
  taken = [];
  received = 0;
  /** @type {ServerMessage[]} */
  outbox = [];
  seq = 0;
  /** Highest acknowledged. */
  acked = 0;
  tokens = 0;
  /** @type {string[]} */
  valid = [];
  /** @type {{name: string, deliver: (messages: ServerMessage[]) => void, fence: () => void, cut: () => void} | null} */
  attached = null;
  over = false;

  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  /** @param {string} [used] */
  renew(used) {
    const token = `${this.id}-T${++this.tokens}`;
    this.valid = used ? [used, token] : [token];
    return token;
  }

  /** @param {string} token */
  admits(token) {
    if (!this.valid.includes(token)) return false;
    if (token === this.valid.at(-1)) this.valid = [token];
    return true;
  }
}

export class FakeServer {
  /** @type {Session[]} */
  sessions = [];
  /** Every connection that was tried, and every request. @type {string[]} */
  log = [];
  /** What the network and the server do wrong. */
  faults = {
    offline: false,
    /** @type {'' | 'refuse' | 'silent' | 'deaf'} deaf: attaches, but nothing comes back */
    websocket: '',
    /** @type {'' | 'buffer' | 'refuse'} */
    sse: '',
    /** @type {'' | 'fail' | 'loseAnswer'} */
    post: '',
    /** @type {{status: number, error?: object, headers?: Record<string, string>} | null} */
    refuse: null,
  };
  /** @type {any} what goes into every welcome */
  welcome = { heartbeatMs: 10_000, detachedMs: 60_000, limits: { messageBytes: 65536, descriptionBytes: 262144 } };
  /** Called with what was carried out. @type {(message: any, session: Session) => void} */
  carriedOut = () => {};
  /** Addresses and subprotocols or headers that were seen. @type {{url: string, tokens: string[]}[]} */
  seen = [];

  constructor() {
    const server = this;
    globalThis.WebSocket = /** @type {any} */ (class extends EventTarget {
      /**
       * @param {string} url
       * @param {string[]} protocols
       */
      constructor(url, protocols) {
        super();
        server.seen.push({ url, tokens: protocols.slice(1) });
        this.open = true;
        setImmediate(() => server.upgrade(/** @type {any} */ (this), url, protocols));
      }

      /** @param {string} text */
      send(text) {
        server.wire(/** @type {any} */ (this).session, text);
      }

      close() {
        this.open = false;
      }
    });
    globalThis.fetch = /** @type {any} */ ((/** @type {string} */ url, /** @type {any} */ init) => server.fetch(url, init));
  }

  get session() {
    const session = this.sessions.at(-1);
    if (!session) throw new Error('no session yet');
    return session;
  }

  /** @param {ServerMessage} message */
  say(message, session = this.session) {
    const numbered = { seq: String(++session.seq), ...message };
    session.outbox.push(numbered);
    session.attached?.deliver([numbered]);
  }

  /** Cuts whatever is attached. */
  cut(session = this.session) {
    const { attached } = session;
    session.attached = null;
    attached?.cut();
  }

  /** @param {any} socket */
  upgrade(socket, /** @type {string} */ url, /** @type {string[]} */ protocols) {
    const { pathname, searchParams } = new URL(url);
    const id = pathname.split('/v1/signal/')[1];
    this.log.push(id ? 'attach websocket' : 'open websocket');
    const close = (code = 1006, reason = '') => {
      if (!socket.open) return;
      socket.open = false;
      socket.dispatchEvent(Object.assign(new Event('close'), { code, reason }));
    };
    const { websocket, offline, refuse } = this.faults;
    if (offline || refuse || websocket === 'refuse') return close();
    if (websocket === 'silent') return;
    const token = protocols.find((p) => p.startsWith('hiroba.resume.'))?.slice('hiroba.resume.'.length);
    const session = id ? this.#find(id, token) : this.#create();
    if (!session) return close();
    const deliver = (/** @type {ServerMessage[]} */ messages) => {
      if (websocket === 'deaf') return;
      for (const message of messages) {
        if (socket.open) socket.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(message) }));
      }
    };
    socket.session = session;
    this.#attach(session, token, Number(searchParams.get('after') ?? 0), {
      name: 'websocket', deliver, fence: () => close(4032, 'fenced'), cut: () => close(),
    });
  }

  /**
   * @param {string} url
   * @param {any} init
   */
  async fetch(url, { method = 'GET', headers = {}, body = '', signal } = /** @type {any} */ ({})) {
    const { pathname, searchParams } = new URL(url);
    const id = pathname.split('/v1/signal/')[1];
    const token = headers.Authorization?.replace('Bearer ', '');
    this.seen.push({ url, tokens: [token, headers['Hiroba-Access']].filter(Boolean) });
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted) throw new DOMException('aborted', 'AbortError');
    const { offline, refuse, sse, post } = this.faults;
    if (offline) throw new TypeError('network');
    if (refuse) return json(refuse.status, refuse.error ? { error: refuse.error } : {}, refuse.headers);
    if (method === 'POST' && !id) {
      this.log.push('open http');
      const session = this.#create();
      return json(201, { welcome: this.#welcome(session, session.renew(), false) });
    }
    const session = this.#find(id ?? '', token);
    if (!session) return json(410, { error: { code: 'NO_SUCH_SESSION', message: 'gone', retry: true } });
    if (method === 'DELETE') {
      this.log.push('delete');
      session.over = true;
      return json(200, {});
    }
    if (method === 'POST') {
      if (post === 'fail') throw new TypeError('network');
      this.log.push(`post ${body.split('\n').length}`);
      /** @type {ServerMessage[]} */
      const messages = [];
      for (const line of body.split('\n')) messages.push(...this.wire(session, line, true));
      if (post === 'loseAnswer') throw new TypeError('network');
      return json(200, { received: String(session.received), messages });
    }
    const after = Number(searchParams.get('after') ?? 0);
    if (headers.Accept === 'text/event-stream') {
      this.log.push('attach sse');
      if (sse === 'refuse') throw new TypeError('network');
      return this.#stream(session, token, after, signal);
    }
    return this.#poll(session, token, after, Number.parseInt(searchParams.get('wait') ?? '0', 10), signal);
  }

  /**
   * Takes what a client sent.
   *
   * @param {Session} session
   * @param {string} text
   * @returns {ServerMessage[]} unnumbered answers, where the transport wants them returned
   */
  wire(session, text, direct = false) {
    const message = JSON.parse(text);
    session.acked = Math.max(session.acked, Number(message.ack ?? 0));
    if (message.ping) {
      const pong = { pong: { received: String(session.received), sent: String(session.seq) } };
      if (direct) return [pong];
      session.attached?.deliver([pong]);
      return [];
    }
    if (Number(message.seq) !== session.received + 1) return [];
    session.received++;
    session.taken.push(message);
    this.carriedOut(message, session);
    return [];
  }

  #create() {
    const session = new Session(`s${this.sessions.length + 1}`);
    this.sessions.push(session);
    return session;
  }

  /**
   * @param {string} id
   * @param {string} [token]
   */
  #find(id, token = '') {
    const session = this.sessions.find((s) => s.id === id && !s.over);
    return session?.admits(token) ? session : undefined;
  }

  /**
   * @param {Session} session
   * @param {string} resume
   */
  #welcome(session, resume, resumed = true) {
    return { ...this.welcome, session: session.id, resume, resumed, received: String(session.received) };
  }

  /**
   * @param {Session} session
   * @param {string | undefined} token
   * @param {number} after
   * @param {NonNullable<Session['attached']>} attachment
   */
  #attach(session, token, after, attachment) {
    const before = session.attached;
    session.attached = attachment;
    before?.fence();
    attachment.deliver([{ welcome: this.#welcome(session, session.renew(token), token !== undefined) }]);
    const missed = session.outbox.filter(({ seq }) => Number(seq) > after);
    if (missed.length > 0) attachment.deliver(missed);
  }

  /**
   * @param {Session} session
   * @param {string} token
   * @param {number} after
   * @param {AbortSignal} signal
   */
  #stream(session, token, after, signal) {
    const encoder = new TextEncoder();
    /** @type {ReadableStreamDefaultController<Uint8Array>} */
    let controller;
    const body = new ReadableStream({ start: (c) => void (controller = c) });
    let over = false;
    const end = (/** @type {Error | undefined} */ error = undefined) => {
      if (over) return;
      over = true;
      if (error) controller.error(error);
      else controller.close();
    };
    signal.addEventListener('abort', () => end(new DOMException('aborted', 'AbortError')));
    const write = (/** @type {string} */ text) => {
      if (this.faults.sse !== 'buffer' && !over) controller.enqueue(encoder.encode(text));
    };
    this.#attach(session, token, after, {
      name: 'sse',
      deliver: (messages) => messages.forEach((m) => write(`${m.seq ? `id: ${m.seq}\n` : ''}data: ${JSON.stringify(m)}\n\n`)),
      fence: () => {
        write(`data: ${JSON.stringify({ error: { code: 'FENCED', message: 'fenced', fatal: true } })}\n\n`);
        end();
      },
      cut: () => end(new TypeError('network')),
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  }

  /**
   * @param {Session} session
   * @param {string} token
   * @param {number} after
   * @param {number} wait
   * @param {AbortSignal} signal
   * @returns {Promise<Response>}
   */
  #poll(session, token, after, wait, signal) {
    return new Promise((resolve, reject) => {
      /** @type {ServerMessage[]} */
      const messages = [];
      const done = () => {
        clearTimeout(timer);
        resolve(json(200, { messages }));
      };
      const timer = setTimeout(done, wait * 1000);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new DOMException('aborted', 'AbortError'));
      });
      const attachment = {
        name: 'poll',
        deliver: (/** @type {ServerMessage[]} */ more) => {
          messages.push(...more);
          done();
        },
        fence: () => resolve(json(409, { error: { code: 'FENCED', message: 'fenced' } })),
        cut: () => reject(new TypeError('network')),
      };
      if (session.attached?.name === 'poll' && token === session.valid.at(-1)) {
        this.log.push('poll on');
        session.attached = attachment;
        const missed = session.outbox.filter(({ seq }) => Number(seq) > after);
        if (missed.length > 0) attachment.deliver(missed);
      } else {
        this.log.push('attach poll');
        this.#attach(session, token, after, attachment);
      }
    });
  }
}

/**
 * @param {number} status
 * @param {object} body
 * @param {Record<string, string>} [headers]
 */
function json(status, body, headers = {}) {
  return new Response(JSON.stringify(body), { status, headers });
}
