/** The API, with the token of this tab. */

import {setServerTime} from './dom.js';

const SERVICE = 'presence-sidecar.admin.service', OPERATOR = 'presence-sidecar.admin.operator';

/** The sidecar's address: the page may be behind a proxy that removes a prefix. */
const BASE = new URL('.', location.href);

/** A failed call, in words for people. `kind`: `unauthorized`, `unreachable`, `unavailable`, `limited`, `refused`. */
export class ApiFailure extends Error {
  constructor(kind, message, status) {
    super(message);
    Object.assign(this, {kind, status});
  }
}

/** Tokens are kept until the tab is closed or the operator signs out. */
export const tokens = {
  get service() { return sessionStorage.getItem(SERVICE); },
  set service(token) { token ? sessionStorage.setItem(SERVICE, token) : sessionStorage.removeItem(SERVICE); },
  get operator() { return sessionStorage.getItem(OPERATOR); },
  set operator(token) { token ? sessionStorage.setItem(OPERATOR, token) : sessionStorage.removeItem(OPERATOR); },
  forget() { this.service = this.operator = null; }
};

const UNREACHABLE = 'The sidecar does not answer. It may be stopped or restarting, or the connection to it is lost.';

/** A token is sent as it is; anything but visible ASCII cannot be one. */
export const isToken = text => /^[\x21-\x7e]+$/.test(text);

/** `path` begins without a slash. Failures of the network are `ApiFailure`s, too. */
export const request = async (path, {headers, ...options} = {}) => {
  const authorization = tokens.service ? {Authorization: `Bearer ${tokens.service}`} : {};
  let response;
  try {
    response = await fetch(new URL(path, BASE), {cache: 'no-store', headers: {...authorization, ...headers}, ...options});
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiFailure('unreachable', UNREACHABLE);
  }
  setServerTime(response.headers.get('date'));
  return response;
};

const failure = async (response, isOperator) => {
  const {status} = response;
  const answer = await response.json().catch(() => ({}));
  const detail = Object.values(answer.errors ?? {}).flat()[0] ?? answer.message ?? `Status ${status}`;
  if (status === 401 || status === 403 && isOperator) {
    return new ApiFailure('unauthorized', isOperator
      ? 'This is not an operator token of this sidecar.' : 'This is not a service token of this sidecar.', status);
  }
  if (status === 429) {
    const wait = response.headers.get('retry-after');
    return new ApiFailure('limited', `Too many requests${wait ? `; allowed again in ${wait} s` : ''}.`, status);
  }
  if (status >= 502 && status !== 503) {
    return new ApiFailure('unreachable', `A proxy in front of the sidecar answered ${status}: the sidecar does not answer it.`, status);
  }
  return new ApiFailure(status === 503 ? 'unavailable' : 'refused', detail, status);
};

/** Calls the API; null for an empty answer. */
export const call = async (path, {operator, ...options} = {}) => {
  const response = await request(path, operator ? {...options, headers: {'X-Operator-Token': tokens.operator}} : options);
  if (!response.ok) throw await failure(response, operator);
  try {
    return response.status === 204 ? null : await response.json();
  } catch {
    // It broke off, or a proxy answered.
    throw new ApiFailure('unreachable', UNREACHABLE);
  }
};

export const post = (path, options) => call(path, {method: 'POST', ...options});

/** `name=value&…` of those that are set. */
export const query = values => {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return set.length ? `?${new URLSearchParams(set)}` : '';
};

/** Whether the stores are available: null, or why not, in a sentence. */
export const trouble = async () => {
  const response = await request('ready');
  if (response.ok) return null;
  const {store, address, reason} = await response.json().catch(() => ({}));
  if (!store) throw await failure(new Response(null, {status: response.status}));
  return store === 'none' ? `${reason}.` : `The store of ${store === 'messages' ? 'messages' : 'presence'} (${store} at ${address}) is away: ${reason}.`;
};
