/*
 * presence.js: live presence in pages, from a presence-sidecar. An ES module without dependencies.
 *
 * All tabs of one user share one connection: a hub in a SharedWorker, or else in the tab that holds a Web Lock, from where it
 * reaches the other tabs over a BroadcastChannel. The hub follows the sidecar's event stream, which also keeps the user
 * online while it is open. A tab is a client of the hub: it tells whether it is visible, and renews tokens.
 */

const WAIT = 1000, MOST = 4000, SILENT = 40000, RENEW = 60000;
const inWorker = typeof SharedWorkerGlobalScope !== 'undefined' && globalThis instanceof SharedWorkerGlobalScope;

/** The claims of a token, without a check of its signature. */
const claimsOf = token => JSON.parse(decodeURIComponent(escape(
  atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))));

/** A name that the tabs of one user, scope, watch list and sidecar share, and no others. */
const nameOf = (url, token) => {
  const {exp, iat, nbf, jti, sid, ...identity} = claimsOf(token);
  const text = JSON.stringify([url, Object.keys(identity).sort().map(key => [key, identity[key]])]);
  let [a, b] = [7, 11];
  for (let i = 0; i < text.length; i++) {
    a = Math.imul(a ^ text.charCodeAt(i), 0x9e3779b1);
    b = Math.imul(b ^ text.charCodeAt(i), 0x85ebca6b) + a | 0;
  }
  return `presence:${(a >>> 0).toString(36)}${(b >>> 0).toString(36)}`;
};

/** Whether an entry is news. That of a snapshot is, if it differs: the log may have been lost since. */
const isNews = (known, user, isSnapshot) => !known || known.seq < user.seq ||
  isSnapshot && (known.seq !== user.seq || known.status !== user.status);

/** Follows the stream for all clients of one name. `tell` sends a message to all of them, or to one. */
class Hub {
  constructor(tell) {
    this.tell = tell;
    this.clients = new Map();
    this.users = new Map();
    this.tries = this.exp = 0;
  }

  /** Handles a message of the client `id`. */
  receive(id, {type, ...data}) {
    if (type === 'bye') {
      this.clients.delete(id);
      if (!this.clients.size) return this.stop();
    } else {
      this.clients.set(id, {...this.clients.get(id), ...data});
    }
    if (type === 'hello') {
      this.config ??= data.config;
      this.accept(data.token);
      this.tell({type: 'state', users: [...this.users.values()], open: !!this.opened}, id);
      this.source || this.open();
    } else if (type === 'token') {
      this.accept(data.token);
      this.asked = false;
      if (data.token && !this.opened) this.open();
    }
    this.act();
  }

  /** Takes over a token unless it expires earlier than the present one. The clock of the page may be wrong. */
  accept(token) {
    const {exp, iat} = token ? claimsOf(token) : {exp: 0};
    if (exp <= this.exp) return;
    [this.token, this.exp] = [token, exp];
    this.expires = iat ? Date.now() + (exp - iat) * 1000 : exp * 1000;
    clearTimeout(this.renewal);
    this.renewal = setTimeout(() => this.renew(), Math.max(this.expires - Date.now() - RENEW, 5000));
  }

  /** Asks one client for a token, the next one if it does not answer. */
  renew() {
    if (this.asked || !this.clients.size) return;
    const ids = [...this.clients.keys()];
    this.turn = ((this.turn ?? -1) + 1) % ids.length;
    this.asked = true;
    this.tell({type: 'renew'}, ids[this.turn]);
    setTimeout(() => { if (this.asked) { this.asked = false; this.renew(); } }, 3000);
  }

  /** Whether any tab is visible. */
  get active() {
    return [...this.clients.values()].some(client => client.visible);
  }

  /** Tells the sidecar that the user became active, or idle. */
  act() {
    const {active, config} = this;
    if (!this.opened || !config.presence || active === this.told) return;
    this.told = active;
    fetch(config.heartbeat, {
      method: 'POST', keepalive: true, headers: {'Content-Type': 'text/plain'},
      body: JSON.stringify({token: this.token, active, sent_at: Date.now()})
    }).catch(() => { this.told = null; });
  }

  open() {
    this.close();
    if (!this.clients.size) return;
    if (Date.now() > this.expires - 1000) return this.renew();
    const {url, presence} = this.config;
    const query = new URLSearchParams({token: this.token, snapshot: 1});
    if (presence) query.set('presence', 1);
    if (presence && !this.active) query.set('active', 0);
    const source = this.source = new EventSource(`${url}/api/v1/presence/stream?${query}`);
    this.heard = Date.now();
    const on = (names, handle) => names.split(' ').forEach(name => source.addEventListener(name, ({data}) => {
      this.heard = Date.now();
      handle(data && JSON.parse(data));
    }));
    on('place', () => this.ready());
    const seen = new Set();
    on('snapshot', ({users, scope, last}) => {
      for (const user of users) {
        seen.add(String(user.user_id));
        this.apply(user, true);
      }
      // Of a scope, users who are offline are left out.
      if (scope && last) {
        for (const [id, user] of this.users) if (!seen.has(id)) this.apply({...user, status: 'offline'}, true);
      }
      if (last) this.ready();
    });
    on('online away offline', change => this.apply(change));
    on('refused closing', data => this.refused(data));
    // The stream ended, or a proxy answered in place of the sidecar, which is final for an EventSource.
    source.onerror = () => this.retry();
    this.watchdog ??= setInterval(() => this.check(), SILENT / 2);
  }

  ready() {
    if (this.opened) return;
    [this.opened, this.tries, this.told] = [true, 0, this.active];
    this.tell({type: 'open', open: true});
  }

  /** Opens the stream again, after a pause that grows. */
  retry(pause = Math.min(WAIT * 2 ** this.tries++, MOST) * (0.5 + Math.random() / 2)) {
    this.close();
    clearTimeout(this.timer);
    this.next = Date.now() + pause;
    this.timer = setTimeout(() => this.open(), pause);
  }

  refused({reason, retry}) {
    if (reason === 'token') this.exp = this.expires = 0;
    else this.tell({type: 'refused', reason});
    reason === 'forbidden' ? this.close() : this.retry(retry);
  }

  /** After a sleep timers are late, and a connection may be dead without an error. */
  check() {
    const silent = Date.now() - this.heard > SILENT;
    if (this.source ? silent : this.next && Date.now() > this.next + WAIT) this.retry(0);
  }

  apply(user, isSnapshot) {
    const id = String(user.user_id);
    if (!isNews(this.users.get(id), user, isSnapshot)) return;
    this.users.set(id, user);
    this.tell({type: 'change', users: [user], isSnapshot});
  }

  close() {
    this.source?.close();
    if (this.opened) this.tell({type: 'open', open: false});
    this.source = null;
    this.opened = false;
  }

  stop() {
    this.close();
    [this.timer, this.renewal].forEach(clearTimeout);
    clearInterval(this.watchdog);
    this.watchdog = null;
  }
}

/** In the worker: one hub for all its ports. */
if (inWorker) {
  const ports = new Map();
  const hub = new Hub((message, id) => {
    for (const [key, port] of ports) if (id === undefined || id === key) port.postMessage(message);
  });
  globalThis.onconnect = ({ports: [port]}) => {
    const id = ports.size + Math.random();
    ports.set(id, port);
    port.onmessage = ({data}) => {
      if (data.type === 'bye') ports.delete(id);
      hub.receive(id, data);
    };
  };
}

/** A connection to a hub in a worker. Throws or calls `fail` if there can be none, as for a module of another origin. */
const joinWorker = (name, receive, fail) => {
  const worker = new SharedWorker(import.meta.url, {type: 'module', name});
  worker.onerror = fail;
  worker.port.onmessage = ({data}) => receive(data);
  return {send: message => worker.port.postMessage(message), leave: () => worker.port.close()};
};

/** A connection to a hub in one of the tabs: the one that holds the lock. */
const joinTabs = (name, receive) => {
  const channel = new BroadcastChannel(name), me = Math.random();
  let hub, release, hello;
  channel.onmessage = ({data: {from, to, message}}) => {
    if (hub && from) hub.receive(from, message);
    if (!from && (to === undefined || to === me)) receive(message);
    // Another tab became the hub: it does not know this one.
    if (!from && message.type === 'lead' && hello) channel.postMessage({from: me, message: hello});
  };
  const lead = () => {
    hub = new Hub((message, to) => {
      if (to === undefined || to === me) receive(message);
      if (to !== me) channel.postMessage({to, message});
    });
    channel.postMessage({message: {type: 'lead'}});
    if (hello) hub.receive(me, hello);
    return new Promise(resolve => { release = resolve; });
  };
  const abort = new AbortController();
  navigator.locks ? navigator.locks.request(name, {signal: abort.signal}, lead).catch(() => {}) : lead();
  return {
    send: message => {
      if (message.type === 'hello' || message.type === 'visible') hello = {...hello, ...message, type: 'hello'};
      hub ? hub.receive(me, message) : channel.postMessage({from: me, message});
    },
    leave: () => {
      abort.abort();
      hub?.stop();
      release?.();
      channel.close();
    }
  };
};

/** The presence that a page sees. */
class Presence extends EventTarget {
  #options; #link; #token; #users = new Map();

  constructor(options) {
    super();
    this.open = false;
    this.#options = {presence: true, ...options, url: new URL(options.url ?? '/', location).href.replace(/\/$/, '')};
    const {echo} = this.#options;
    if (echo) {
      echo.channel(options.channel ?? 'status.global').listen('.presence.updated',
        user => this.#receive({type: 'change', users: [user]}));
      if (!options.token && !options.tokenUrl) return;
    }
    const join = () => this.#join().catch(() => setTimeout(() => { if (!this.#link) join(); }, 5000));
    addEventListener('pagehide', this.#hide = () => this.#leave());
    addEventListener('pageshow', this.#show = ({persisted}) => persisted && join());
    document.addEventListener('visibilitychange', this.#seen = () => this.#send('visible', {visible: this.#visible}));
    join();
  }

  #hide; #show; #seen;

  get #visible() {
    return document.visibilityState === 'visible';
  }

  async #renew() {
    const {token, tokenUrl} = this.#options;
    if (typeof token === 'string' && !this.#token) return this.#token = token;
    let answer = typeof token === 'function' ? await token() : null;
    if (tokenUrl) {
      const reply = await fetch(tokenUrl, {headers: {Accept: 'application/json'}});
      if (!reply.ok) throw new Error(`${tokenUrl} answered ${reply.status}`);
      answer = await reply.json();
    }
    return this.#token = answer?.token ?? answer ?? this.#token;
  }

  async #join() {
    const {url, presence, heartbeat = `${url}/presence/heartbeat`, worker = true} = this.#options;
    const token = await this.#renew(), name = nameOf(url, token);
    const receive = message => this.#receive(message);
    const hello = {token, visible: this.#visible, config: {url, presence, heartbeat}};
    const tabs = () => {
      this.#link = joinTabs(name, receive);
      this.#send('hello', hello);
    };
    if (!worker || typeof SharedWorker === 'undefined') return tabs();
    try {
      this.#link = joinWorker(name, receive, tabs);
      this.#send('hello', hello);
    } catch {
      tabs();
    }
  }

  #send(type, data) {
    this.#link?.send({type, ...data});
  }

  #leave() {
    this.#send('bye');
    this.#link?.leave();
    this.#link = null;
  }

  async #receive({type, users = [], isSnapshot, open, reason}) {
    if (type === 'renew') {
      const token = await this.#renew().catch(() => null);
      if (token) this.#send('token', {token});
    } else if (type === 'refused') {
      this.#emit('refused', {reason});
    }
    for (const user of users) {
      const id = String(user.user_id);
      if (!isNews(this.#users.get(id), user, isSnapshot)) continue;
      this.#users.set(id, user);
      this.#emit('change', user);
    }
    if (open !== undefined && open !== this.open) {
      this.open = open;
      this.#emit(open ? 'open' : 'closed', {});
    }
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, {detail}));
  }

  /** The newest change of a user; undefined as long as none is known. */
  get(id) {
    return this.#users.get(String(id));
  }

  /** Calls `listener` with each change of a user, and at once with the newest one. Returns a function that ends it. */
  watch(id, listener) {
    const each = ({detail}) => { if (String(detail.user_id) === String(id)) listener(detail); };
    this.addEventListener('change', each);
    const known = this.get(id);
    if (known) listener(known);
    return () => this.removeEventListener('change', each);
  }

  /** Ends the connection of this page. */
  close() {
    removeEventListener('pagehide', this.#hide);
    removeEventListener('pageshow', this.#show);
    document.removeEventListener('visibilitychange', this.#seen);
    this.#leave();
  }
}

let shared, announce;
const connected = new Promise(resolve => { announce = resolve; });

/** Connects the page. The badges of the page show what the first connection sees. */
export const connect = options => {
  const presence = new Presence(options);
  shared ??= presence;
  announce(shared);
  return presence;
};

/** <presence-badge user="42" status="offline">: a dot and a word, updated live. */
if (!inWorker && typeof customElements !== 'undefined' && !customElements.get('presence-badge')) {
  customElements.define('presence-badge', class extends HTMLElement {
    static observedAttributes = ['user', 'status'];
    #end; #label;

    async connectedCallback() {
      if (!this.#label) {
        const root = this.attachShadow({mode: 'open'}), sheet = new CSSStyleSheet();
        sheet.replaceSync(`:host{display:inline-flex;align-items:center;gap:.4em}
          i{width:.625em;height:.625em;border-radius:50%;background:var(--presence-color,#9ca3af)}
          :host([status=online]){--presence-color:#22c55e}:host([status=away]){--presence-color:#eab308}`);
        root.adoptedStyleSheets = [sheet];
        const dot = document.createElement('i');
        dot.setAttribute('part', 'dot');
        this.#label = document.createElement('span');
        this.#label.setAttribute('part', 'label');
        root.append(dot, this.#label);
      }
      if (!this.hasAttribute('status')) this.setAttribute('status', 'offline');
      this.#show();
      const presence = await connected;
      if (this.isConnected) this.#follow(presence);
    }

    disconnectedCallback() {
      this.#end?.();
    }

    attributeChangedCallback(name, before, after) {
      if (before === after) return;
      if (name === 'user' && this.#end) this.#follow(shared);
      this.#show();
    }

    #follow(presence) {
      this.#end?.();
      this.#end = presence.watch(this.getAttribute('user'), ({status}) => this.setAttribute('status', status));
    }

    #show() {
      const status = this.getAttribute('status') ?? 'offline';
      const text = this.getAttribute(`label-${status}`) ?? status[0].toUpperCase() + status.slice(1);
      if (this.#label) this.#label.textContent = text;
    }
  });
}
