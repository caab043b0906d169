/*
 * presence.js: live presence in pages, from a presence-sidecar.
 *
 * All tabs of one user share a hub in a SharedWorker, or else in the tab that holds a Web Lock, over a BroadcastChannel. It
 * follows the event stream, which keeps the user online, or posts heartbeats (`stream: false`). Tabs tell it whether they
 * are visible, and renew tokens. Pages without locks have a hub each, which hears all tabs.
 */

const WAIT = 1000, MOST = 4000, SILENT = 40000, RENEW = 60000;
const inWorker = typeof SharedWorkerGlobalScope !== 'undefined' && globalThis instanceof SharedWorkerGlobalScope;

const claimsOf = token => JSON.parse(decodeURIComponent(escape(
  atob(token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))));

/** Only tabs of the same user, scope, watch list and sidecar share it. */
const nameOf = (url, token) => {
  const {exp, iat, nbf, jti, sid, ...identity} = claimsOf(token);
  return 'presence:' + url + JSON.stringify(identity);
};

/** One of a snapshot is news if it differs: the log may have been lost. */
const isNews = (known, user, isSnapshot) => !known || known.seq < user.seq ||
  isSnapshot && (known.seq !== user.seq || known.status !== user.status);

/** Compares the given parts alone. */
const isIn = (change, scope) => Object.entries(scope ?? {}).every(
  ([part, value]) => String(change.scope?.[part] ?? '') === String(value ?? ''));

/** `tell` sends a message to all clients, or to one. */
class Hub {
  constructor(tell) {
    this.tell = tell;
    this.clients = new Map();
    this.users = new Map();
    this.tries = this.exp = this.sent = 0;
  }

  receive(id, {type, ...data}) {
    if (type === 'bye') {
      this.clients.delete(id);
      if (!this.clients.size) return this.stop();
    } else {
      this.clients.set(id, {...this.clients.get(id), ...data, at: Date.now()});
    }
    if (type === 'hello') {
      this.config = data.config;
      this.ended = false;
      this.accept(data.token);
      this.tell({type: 'state', users: [...this.users.values()], open: !!this.opened}, id);
      this.opened || this.source || this.open();
    } else if (type === 'ended') {
      return this.end();
    } else if (type === 'token') {
      this.accept(data.token);
      this.asked = false;
      if (!this.opened) this.open();
    }
    this.act();
  }

  /** Takes the later token. The clock of the page may be wrong. */
  accept(token) {
    const {exp, iat} = token ? claimsOf(token) : {exp: 0};
    if (exp <= this.exp) return;
    [this.token, this.exp] = [token, exp];
    this.expires = iat ? Date.now() + (exp - iat) * 1000 : exp * 1000;
    clearTimeout(this.renewal);
    this.renewal = setTimeout(() => this.renew(), Math.max(this.expires - Date.now() - RENEW, 5000));
  }

  /** Asks a client for a token, the next one if it does not answer. */
  renew() {
    if (this.asked || this.ended || !this.clients.size) return;
    const ids = [...this.clients.keys()];
    this.turn = ((this.turn ?? -1) + 1) % ids.length;
    this.asked = true;
    this.tell({type: 'renew'}, ids[this.turn]);
    setTimeout(() => { if (this.asked) { this.asked = false; this.renew(); } }, 3000);
  }

  /** Whether a tab is visible. Without a stream, tabs that are silent have crashed. */
  get active() {
    const {stream, every} = this.config, least = stream ? 0 : Date.now() - every * 2000;
    return [...this.clients.values()].some(client => client.visible && client.at > least);
  }

  /** Posts a heartbeat if the user became active or idle, or if one is due. */
  act() {
    const {active, config: {presence, stream, every}} = this;
    const isDue = !stream && Date.now() - this.sent > every * 900;
    if (!this.opened || !presence || active === this.told && !isDue) return;
    [this.told, this.sent] = [active, Date.now()];
    this.tell({type: 'sent', active, at: this.sent});
    this.post(active);
  }

  /** To the app's route with its CSRF token, or to the sidecar as a simple request. */
  async post(active) {
    const {heartbeat, csrf} = this.config, body = {active, sent_at: Date.now()};
    try {
      const {status} = await fetch(heartbeat, {
        method: 'POST', keepalive: true, body: JSON.stringify(csrf ? body : {token: this.token, ...body}),
        headers: csrf ? {Accept: 'application/json', 'Content-Type': 'application/json', 'X-CSRF-TOKEN': csrf}
          : {'Content-Type': 'text/plain'}
      });
      if (status !== 401 && status !== 419) return;
      if (csrf) return this.end();
      this.exp = 0;
      this.renew();
    } catch {}
    this.told = null;
  }

  open() {
    this.close();
    if (!this.clients.size) return;
    if (Date.now() > this.expires - 1000) return this.renew();
    const {url, presence, stream} = this.config;
    if (!stream) return this.ready();
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
    // Answers of a proxy are final for an EventSource.
    source.onerror = () => this.retry();
    this.watchdog ??= setInterval(() => this.check(), SILENT / 2);
  }

  ready() {
    if (this.opened) return;
    [this.opened, this.tries, this.told] = [true, 0, this.active];
    this.tell({type: 'open', open: true});
  }

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

  /** After a sleep, timers are late and connections dead. */
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

  /** The app's session has ended. */
  end() {
    this.ended = true;
    this.stop();
    this.tell({type: 'refused', reason: 'session'});
  }

  stop() {
    this.close();
    [this.timer, this.renewal].forEach(clearTimeout);
    clearInterval(this.watchdog);
    this.watchdog = null;
  }
}

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

/** Throws or calls `fail` where there can be no worker. */
const joinWorker = (name, receive, fail) => {
  const worker = new SharedWorker(import.meta.url, {type: 'module', name});
  worker.onerror = fail;
  worker.port.onmessage = ({data}) => receive(data);
  return {send: message => worker.port.postMessage(message), leave: () => worker.port.close()};
};

/** `leave` returns the hub if this was its last tab. */
const joinTabs = (name, receive) => {
  const channel = new BroadcastChannel(name), me = Math.random(), {locks} = navigator;
  let hub, release, hello;
  channel.onmessage = ({data: {from, to, message}}) => {
    if (from) return hub?.receive(from, message);
    if (to === undefined || to === me) receive(message);
    // A new hub does not know this tab.
    if (message.type === 'lead' && hello) channel.postMessage({from: me, message: hello});
    if (message.type === 'sent' && hub) [hub.sent, hub.told] = [message.at, message.active];
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
  locks ? locks.request(name, {signal: abort.signal}, lead).catch(() => {}) : lead();
  return {
    send: message => {
      if (message.type === 'hello' || message.type === 'visible') hello = {...hello, ...message, type: 'hello'};
      hub?.receive(me, message);
      if (!hub || !locks) channel.postMessage({from: me, message});
    },
    leave: () => {
      const isLast = hub && !hub.clients.size && !hub.ended;
      abort.abort();
      hub?.stop();
      release?.();
      channel.close();
      return isLast && hub;
    }
  };
};

/** Until then, an end of the page is a navigation within the app. */
let leaving = 0;
const leave = url => { if (url && new URL(url, location).origin === location.origin) leaving = Date.now() + 10000; };
const watchNavigation = () => {
  if (globalThis.navigation) {
    navigation.addEventListener('navigate', ({destination}) => destination.sameDocument || leave(destination.url));
  } else {
    const from = ({target}) => leave(target.action ?? target.closest?.('a[href]')?.href);
    ['click', 'submit'].forEach(type => addEventListener(type, from, true));
  }
};

class Presence extends EventTarget {
  #options; #link; #token; #hidden; #timer; #users = new Map(); #stop = new AbortController();

  constructor(options) {
    super();
    this.open = false;
    this.#options = {
      presence: true, stream: true, every: 30, worker: true,
      ...options, url: new URL(options.url ?? '/', location).href.replace(/\/$/, '')
    };
    const {echo, stream, every} = this.#options, {signal} = this.#stop;
    if (echo) {
      echo.channel(options.channel ?? 'status.global').listen('.presence.updated', user => {
        const scope = options.scope ?? (this.#token && claimsOf(this.#token).scope);
        if (isIn(user, scope)) this.#receive({type: 'change', users: [user]});
      });
      if (!options.token && !options.tokenUrl) return;
    }
    const join = () => this.#join().catch(() => setTimeout(() => { if (!this.#link && !this.#hidden) join(); }, 5000));
    addEventListener('pagehide', () => {
      this.#hidden = true;
      this.#leave();
    }, {signal});
    addEventListener('pageshow', () => {
      if (this.#hidden) join();
      this.#hidden = false;
    }, {signal});
    // A hidden page may be about to end, or another tab to be shown.
    document.addEventListener('visibilitychange', () => setTimeout(
      () => this.#send('visible', {visible: this.#visible}), this.#visible ? 0 : 500), {signal});
    if (!stream) {
      watchNavigation();
      this.#timer = setInterval(() => this.#send('tick'), every * 1000);
    }
    join();
  }

  get #visible() {
    return document.visibilityState === 'visible';
  }

  /** Null if the app's session has ended. */
  async #renew() {
    const {token, tokenUrl} = this.#options;
    if (typeof token === 'string' && !this.#token) return this.#token = token;
    let answer = typeof token === 'function' ? await token() : null;
    if (tokenUrl) {
      const reply = await fetch(tokenUrl, {headers: {Accept: 'application/json'}});
      if (reply.status === 401 || reply.status === 419) return null;
      if (!reply.ok) throw new Error(`${tokenUrl} answered ${reply.status}`);
      answer = await reply.json();
    }
    return this.#token = answer?.token ?? answer ?? this.#token;
  }

  async #join() {
    const {url, presence, stream, every, csrf, tabs, worker, heartbeat = `${url}/presence/heartbeat`} = this.#options;
    const token = await this.#renew();
    if (token === null) return this.#emit('refused', {reason: 'session'});
    if (this.#hidden || this.#link) return;
    const name = tabs ?? nameOf(url, token), receive = message => this.#receive(message);
    const hello = {token, visible: this.#visible, config: {url, presence, stream, every, csrf, heartbeat}};
    const joinOthers = () => {
      this.#link = joinTabs(name, receive);
      this.#send('hello', hello);
    };
    if (!worker || !stream || typeof SharedWorker === 'undefined') return joinOthers();
    try {
      this.#link = joinWorker(name, receive, joinOthers);
      this.#send('hello', hello);
    } catch {
      joinOthers();
    }
  }

  #send(type, data) {
    this.#link?.send({type, ...data});
  }

  #leave() {
    this.#send('bye');
    const hub = this.#link?.leave(), {stream, presence} = this.#options;
    this.#link = null;
    if (!hub || stream || !presence || Date.now() < leaving) return;
    const {token, config: {heartbeat, csrf}} = hub, body = {end: true, sent_at: Date.now()};
    navigator.sendBeacon(heartbeat, csrf ? new URLSearchParams({_token: csrf, ...body}) : JSON.stringify({token, ...body}));
  }

  async #receive({type, users = [], isSnapshot, open, reason}) {
    if (type === 'renew') {
      const token = await this.#renew().catch(() => {});
      if (token) this.#send('token', {token});
      else if (token === null) this.#send('ended');
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

  get(id) {
    return this.#users.get(String(id));
  }

  /** Calls `listener` at once and with each change; returns a function that ends it. */
  watch(id, listener) {
    const each = ({detail}) => { if (String(detail.user_id) === String(id)) listener(detail); };
    this.addEventListener('change', each);
    const known = this.get(id);
    if (known) listener(known);
    return () => this.removeEventListener('change', each);
  }

  close() {
    this.#stop.abort();
    clearInterval(this.#timer);
    this.#leave();
  }
}

let shared, announce;
const connected = new Promise(resolve => { announce = resolve; });

/** Connects the page; badges show what the first connection sees. */
export const connect = options => {
  const presence = new Presence(options);
  shared ??= presence;
  announce(shared);
  return presence;
};

/** <presence-badge user="42" status="offline">, or with channel="…" (private, scope='{…}') for Laravel Echo. */
if (!inWorker && typeof customElements !== 'undefined' && !customElements.get('presence-badge')) {
  customElements.define('presence-badge', class extends HTMLElement {
    static observedAttributes = ['user', 'status'];
    #end; #label;

    async connectedCallback() {
      if (!this.#label) {
        const root = this.attachShadow({mode: 'open'}), sheet = new CSSStyleSheet();
        sheet.replaceSync(`:host{display:inline-flex;align-items:center;gap:.4em}
          ::slotted(svg){display:none}i{width:.625em;height:.625em;border-radius:50%;background:var(--presence-color,#9ca3af)}
          :host([status=online]){--presence-color:#22c55e}:host([status=away]){--presence-color:#eab308}`);
        root.adoptedStyleSheets = [sheet];
        const dot = document.createElement('i');
        dot.setAttribute('part', 'dot');
        const own = this.querySelector('span');
        this.#label = own ?? document.createElement('span');
        this.#label.setAttribute('part', 'label');
        root.append(dot, own ? document.createElement('slot') : this.#label);
      }
      if (!this.hasAttribute('status')) this.setAttribute('status', 'offline');
      this.#show();
      if (this.hasAttribute('channel')) return globalThis.Echo?.channel ? this.#listen() : addEventListener('load', () => this.#listen());
      const presence = await connected;
      if (this.isConnected) this.#follow(presence);
    }

    #listen() {
      const name = this.getAttribute('channel'), scope = JSON.parse(this.getAttribute('scope') ?? '{}');
      const channel = globalThis.Echo?.[this.hasAttribute('private') ? 'private' : 'channel']?.(name);
      const listener = change => {
        if (String(change.user_id) === this.getAttribute('user') && isIn(change, scope)) this.setAttribute('status', change.status ?? change.meta?.status ?? this.getAttribute('status'));
      };
      channel?.listen('.presence.updated', listener);
      this.#end = () => channel?.stopListening?.('.presence.updated', listener);
    }

    disconnectedCallback() {
      this.#end?.();
    }

    attributeChangedCallback(name, before, after) {
      if (before === after) return;
      if (name === 'user' && this.#end && shared) this.#follow(shared);
      this.#show();
    }

    #follow(presence) {
      this.#end?.();
      this.#end = presence.watch(this.getAttribute('user'), ({status}) => this.setAttribute('status', status));
    }

    #show() {
      const status = this.getAttribute('status') ?? 'offline';
      const text = this.getAttribute(`label-${status}`) ?? status[0].toUpperCase() + status.slice(1);
      this.dataset.status = status;
      if (this.#label) this.#label.textContent = text;
    }
  });
}
