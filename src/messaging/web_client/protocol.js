/** The messaging API. Opens received messages, and seals sent ones. */

import {importKey, open, seal} from './seal.js';

const API = new URL('../api/v1/', import.meta.url);

/** The timeout of a request, in milliseconds. */
const TIMEOUT = 15_000;

/** The range of ids that `before` searches first, and the factor by which each further range grows. */
const FIRST_RANGE = 64;
const RANGE_GROWTH = 16;

/** The server refused a request; the message is the server's. */
export class Refused extends Error {
  constructor(message, {status, retryAfter = 0}) {
    super(message);
    this.status = status;
    /** Seconds to wait before the next request. */
    this.retryAfter = retryAfter;
  }
}

/** The server did not answer. */
export class Unreachable extends Error {}

/** Sends a request and returns its JSON, null if there is none. */
async function call(path, {method = 'GET', headers = {}, body, signal} = {}) {
  const timeout = AbortSignal.timeout(TIMEOUT);
  const options = {
    method,
    headers: {Accept: 'application/json', ...headers},
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  };
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response, text;
  try {
    response = await fetch(new URL(path, API), options);
    text = await response.text();
  } catch (cause) {
    throw new Unreachable('The server does not answer.', {cause});
  }
  const json = parseJson(text);
  if (response.ok) return json;
  throw new Refused(json?.message ?? `The server returned status ${response.status}.`, {
    status: response.status,
    retryAfter: Number(response.headers.get('Retry-After')) || 0,
  });
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Returns the credentials of the client with this fingerprint; creates the client if there is none. */
export async function register({fingerprint, name, token}) {
  const headers = token ? {'X-Registration-Token': token} : {};
  return call('clients/register', {method: 'POST', headers, body: {fingerprint, ...(name && {name})}});
}

/** Parses pasted credentials, the JSON of a registration. Null if the text is something else. */
export function parseCredentials(text) {
  const {client_id, personal_token, api_token} = parseJson(text) ?? {};
  const all = [client_id, personal_token, api_token];
  return all.every(part => typeof part === 'string' && part) ? {client_id, personal_token, api_token} : null;
}

/** A client of the API. */
export class Client {
  #credentials;
  #key;

  constructor(credentials, key) {
    this.#credentials = credentials;
    this.#key = key;
  }

  /** Creates a client with these credentials. Sends no request yet. */
  static async from(credentials) {
    const key = await importKey(credentials.personal_token).catch(() => {
      throw new Error('The personal token is not a key in base64.');
    });
    return new Client(credentials, key);
  }

  get id() {
    return this.#credentials.client_id;
  }

  /** Whether the client has these credentials. */
  has(credentials) {
    return this.id === credentials.client_id && this.#credentials.api_token === credentials.api_token;
  }

  #call(path, options) {
    const {client_id, api_token} = this.#credentials;
    return call(path, {...options, headers: {Authorization: `Bearer ${api_token}`, 'X-Client-Id': client_id}});
  }

  /** Returns up to 50 messages after the cursor, or after the acknowledged id if there is none, by ascending id. */
  async poll(cursor, signal) {
    const response = await this.#call(cursor === undefined ? 'messages/poll' : `messages/poll?cursor=${cursor}`, {signal});
    return Promise.all((response?.messages ?? []).map(message => this.#open(message)));
  }

  /** Returns the nearest messages before this id; an empty list if there are none. */
  async before(id = Number.MAX_SAFE_INTEGER) {
    for (let range = FIRST_RANGE; ; range *= RANGE_GROWTH) {
      const found = await this.#between(id - range, id);
      if (found.length || range >= id) return found;
    }
  }

  async #between(after, end) {
    const found = [];
    for (let cursor = after; cursor < end - 1; cursor = found.at(-1).id) {
      // 0 would mean the acknowledged id.
      const page = await this.poll(Math.max(cursor, 0) || -1);
      found.push(...page);
      if (!page.length) break;
    }
    return found.filter(message => message.id < end);
  }

  /** Acknowledges all messages up to this id. */
  async acknowledge(id) {
    return this.#call('messages/ack', {method: 'POST', body: {last_received_id: id}});
  }

  /** Sends a message, which the server relays to the clients in `to`. */
  async send({type, payload, to = []}) {
    const ts = new Date().toISOString();
    const aad = {from: this.id, ts};
    const plain = {type, payload, ts, ...(to.length && {to_client_ids: to})};
    const sealed = await seal(this.#key, JSON.stringify(plain), JSON.stringify(aad));
    return this.#call('messages/send', {method: 'POST', body: {...sealed, aad}});
  }

  /** Rotates the API token; returns the new credentials. */
  async rotate() {
    return this.#call('clients/rotate', {method: 'POST', body: {}});
  }

  async #open(message) {
    const {id, type, created_at: ts, from_client_id: from} = message;
    const aad = direction => JSON.stringify({[direction]: this.id, ts});
    const received = await open(this.#key, message, aad('to'));
    const text = received ?? await open(this.#key, message, aad('from'));
    const plain = text === null ? null : parseJson(text);
    return {id, type, at: ts, own: received === null, from, unreadable: text === null, plain};
  }
}
