/** The messaging API as a client calls it. What it answers is opened here, what it is sent is sealed here. */

import {importKey, open, seal} from './seal.js';

const API = new URL('../api/v1/', import.meta.url);

/** Milliseconds after which a server that says nothing is taken to be away. */
const PATIENCE = 15_000;

/** How far `before` looks back at first, in ids, and how much farther each time. */
const REACH = 64;
const FARTHER = 16;

/** The server answered, but not as hoped; the message is its own. */
export class Refused extends Error {
  constructor(message, {status, retryAfter = 0}) {
    super(message);
    this.status = status;
    /** Seconds to leave it alone. */
    this.retryAfter = retryAfter;
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

/** The JSON that a call brings, null if there is none. */
async function call(path, {method = 'GET', headers = {}, body, signal} = {}) {
  const patience = AbortSignal.timeout(PATIENCE);
  const options = {
    method,
    headers: {Accept: 'application/json', ...headers},
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  };
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let answer, text;
  try {
    answer = await fetch(new URL(path, API), options);
    text = await answer.text();
  } catch (cause) {
    throw new Unreachable('The server does not answer.', {cause});
  }
  const json = parsed(text);
  if (answer.ok) return json;
  throw new Refused(json?.message ?? `The server answered with status ${answer.status}.`, {
    status: answer.status,
    retryAfter: Number(answer.headers.get('Retry-After')) || 0,
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The credentials of the client with this fingerprint, which is made if there is none. */
export async function register({fingerprint, name, token}) {
  const headers = token ? {'X-Registration-Token': token} : {};
  return call('clients/register', {method: 'POST', headers, body: {fingerprint, ...(name && {name})}});
}

/** Credentials out of what somebody pasted: the JSON that registering answers with. Null if they are not in there. */
export function credentialsIn(text) {
  const {client_id, personal_token, api_token} = parsed(text) ?? {};
  const all = [client_id, personal_token, api_token];
  return all.every(part => typeof part === 'string' && part) ? {client_id, personal_token, api_token} : null;
}

/** A client's calls. */
export class Client {
  #credentials;
  #key;

  constructor(credentials, key) {
    this.#credentials = credentials;
    this.#key = key;
  }

  /** The client with these credentials. Nothing is asked of the server yet. */
  static async from(credentials) {
    const key = await importKey(credentials.personal_token).catch(() => {
      throw new Error('The personal token is not a key in base64.');
    });
    return new Client(credentials, key);
  }

  get id() {
    return this.#credentials.client_id;
  }

  /** Whether these are its credentials. */
  has(credentials) {
    return this.id === credentials.client_id && this.#credentials.api_token === credentials.api_token;
  }

  #call(path, options) {
    const {client_id, api_token} = this.#credentials;
    return call(path, {...options, headers: {Authorization: `Bearer ${api_token}`, 'X-Client-Id': client_id}});
  }

  /** Up to 50 messages behind the cursor, or behind what is acknowledged if there is none, by rising id. */
  async poll(cursor, signal) {
    const answer = await this.#call(cursor === undefined ? 'messages/poll' : `messages/poll?cursor=${cursor}`, {signal});
    return Promise.all((answer?.messages ?? []).map(message => this.#opened(message)));
  }

  /** The nearest of the messages before this id; none if there are none. */
  async before(id = Number.MAX_SAFE_INTEGER) {
    for (let reach = REACH; ; reach *= FARTHER) {
      const found = await this.#between(id - reach, id);
      if (found.length || reach >= id) return found;
    }
  }

  async #between(after, end) {
    const found = [];
    for (let cursor = after; cursor < end - 1; cursor = found.at(-1).id) {
      // 0 would mean what is acknowledged.
      const page = await this.poll(Math.max(cursor, 0) || -1);
      found.push(...page);
      if (!page.length) break;
    }
    return found.filter(message => message.id < end);
  }

  /** Says that everything up to this id has been seen. */
  async acknowledge(id) {
    return this.#call('messages/ack', {method: 'POST', body: {last_received_id: id}});
  }

  /** Sends a message, which is relayed to the clients in `to`. */
  async send({type, payload, to = []}) {
    const ts = new Date().toISOString();
    const aad = {from: this.id, ts};
    const plain = {type, payload, ts, ...(to.length && {to_client_ids: to})};
    const sealed = await seal(this.#key, JSON.stringify(plain), JSON.stringify(aad));
    return this.#call('messages/send', {method: 'POST', body: {...sealed, aad}});
  }

  /** New credentials, in place of these. */
  async rotate() {
    return this.#call('clients/rotate', {method: 'POST', body: {}});
  }

  async #opened(message) {
    const {id, type, created_at: ts} = message;
    const aad = direction => JSON.stringify({[direction]: this.id, ts});
    const received = await open(this.#key, message, aad('to'));
    const text = received ?? await open(this.#key, message, aad('from'));
    const plain = text === null ? null : parsed(text);
    return {id, type, at: ts, own: received === null, unreadable: text === null, plain};
  }
}
