/**
 * The page: signs in, follows the change log, and shows the view that the address names.
 *
 * Reading order: api.js (calls), stream.js (the change log), metrics.js, scope.js, pager.js; the views: sign_in.js, overview.js, users.js,
 * user.js, deliveries.js, messages.js, settings.js. A view returns its element and, if it needs them: `load` (reads all again), `change` (an entry
 * of the change log), `poll` (each five seconds).
 */

import {ApiFailure, call, query, tokens, trouble} from './api.js';
import {byId, h, toast} from './dom.js';
import {Metrics} from './metrics.js';
import * as scopes from './scope.js';
import {follow} from './stream.js';
import {deliveries} from './deliveries.js';
import {messages} from './messages.js';
import {overview} from './overview.js';
import {settings} from './settings.js';
import {signIn} from './sign_in.js';
import {user} from './user.js';
import {users} from './users.js';

const EVERY = 5000, IN_TROUBLE = 1500, RECENT = 30;
const TABS = [['overview', 'Overview', overview], ['users', 'Users', users], ['deliveries', 'Deliveries', deliveries],
  ['messages', 'Messages', messages], ['settings', 'Settings', settings]];
const STATES = {live: 'Live', waiting: 'Reconnecting'};
const REVOKED = 'The token is no longer valid: it was revoked or replaced. Sign in with one that is.';

const metrics = new Metrics();
let recent = [], view, shown, stop, timer, reason, isStale = false;

/** `#/users/42?tenant=acme&status=away`. */
const route = () => {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, id] = path.split('/');
  const params = Object.fromEntries(new URLSearchParams(search));
  return {name: TABS.some(([known]) => known === name) ? name : 'overview', id: id && decodeURIComponent(id), params,
    scope: scopes.partsOf(params)};
};

const linkTo = scope => (name, {id, ...params} = {}) => {
  const parts = scopes.partsOf({...scope, ...params.scope});
  delete params.scope;
  return `#/${name}${id === undefined ? '' : `/${encodeURIComponent(id)}`}${query({...parts, ...params})}`;
};

/** Shows the scope of the address; another one that is chosen gets the same view. */
const showScope = () => {
  const {name, id, scope} = route();
  scopes.show(scope, chosen => { location.hash = linkTo(chosen)(name, {id}); });
};

const showTrouble = text => {
  const element = byId('trouble');
  if (reason === text) return;
  reason = text;
  element.hidden = !text;
  element.replaceChildren(...text ? [h('strong', {}, text), ' This page goes on by itself.'] : []);
};

/** What the views have in common. */
const contextOf = current => ({
  ...current, metrics, link: linkTo(current.scope),
  recent: () => recent,
  /** Runs a call; a failure that concerns the whole page is shown by the page, any other one in `target`. */
  async attempt(work, target) {
    try {
      await work();
      return true;
    } catch (failure) {
      if (!(failure instanceof ApiFailure)) throw failure;
      report(failure, target);
      return false;
    }
  }
});

const report = (failure, target) => {
  if (failure.kind === 'unauthorized') leave(REVOKED);
  else if (failure.kind === 'unreachable') showTrouble(failure.message);
  else if (failure.kind === 'unavailable') {
    // The next poll finds out whether it concerns all calls, and has the view read again once it does not.
    isStale = true;
    toast(failure.message);
    schedule(IN_TROUBLE);
  }
  else if (target) target.replaceChildren(h('p.notice', {role: 'alert'}, failure.message));
  else toast(failure.message);
};

/** The element that has the focus, found again after the view was drawn again. */
const focused = () => {
  const {id, tagName} = document.activeElement ?? {};
  const href = document.activeElement?.getAttribute?.('href');
  return () => id && id !== 'main' ? byId(id) : tagName === 'A' && href ? byId('main').querySelector(`a[href="${CSS.escape(href)}"]`) : null;
};

const show = () => {
  if (!tokens.service) return leave();
  const current = route(), again = focused(), isFirst = !view;
  const [, title, create] = TABS.find(([name]) => name === current.name);
  const context = contextOf(current), link = context.link;
  view = current.name === 'users' && current.id !== undefined ? user(context) : create(context);
  byId('main').replaceChildren(view.element);
  document.title = `${current.id ?? title} · presence-sidecar`;
  byId('tabs').replaceChildren(...TABS.map(([name, text]) =>
    h('a', {href: link(name), 'aria-current': name === current.name ? 'page' : null}, text)));
  showScope();
  for (const id of ['tabs', 'live', 'scope', 'sign-out']) byId(id).hidden = false;
  const isSame = shown === `${current.name}/${current.id}`;
  shown = `${current.name}/${current.id}`;
  if (!isFirst) (isSame && again() || byId('main').querySelector('h1'))?.focus({preventScroll: isSame});
  if (!isSame) {
    byId('scope').open = false;
    scrollTo(0, 0);
  }
  view.load?.();
};

/** Asks for a token; `notice` says why. */
const leave = notice => {
  stop?.();
  clearTimeout(timer);
  tokens.forget();
  [stop, view, shown, recent] = [null, null, null, []];
  for (const id of ['tabs', 'live', 'scope', 'sign-out']) byId(id).hidden = true;
  showTrouble(null);
  byId('dialog').close();
  document.title = 'Sign in · presence-sidecar';
  const form = signIn(notice, begin);
  byId('main').replaceChildren(form.element);
  form.focus();
};

const setLive = state => {
  byId('live').dataset.state = state;
  byId('live-text').textContent = STATES[state];
};

const change = entry => {
  recent = [entry, ...recent].slice(0, RECENT);
  if (scopes.see(entry.scope)) showScope();
  view?.change?.(entry);
};

const poll = async () => {
  if (!tokens.service) return;
  let found;
  try {
    found = await trouble();
    await call('api/v1/presence/counts').catch(failure => { if (failure.kind === 'unauthorized') throw failure; });
    await metrics.read();
  } catch (failure) {
    if (failure.kind === 'unauthorized') return leave(REVOKED);
    found = failure.message;
  }
  if (!tokens.service) return;
  const isAgain = !found && (reason || isStale);
  showTrouble(found);
  if (isAgain) {
    isStale = false;
    view?.load?.();
  }
  if (!found) view?.poll?.();
  schedule(found ? IN_TROUBLE : EVERY);
};

const schedule = pause => {
  clearTimeout(timer);
  timer = setTimeout(() => document.hidden ? schedule(EVERY) : poll(), pause);
};

const begin = () => {
  setLive('waiting');
  stop = follow({change, state: setLive, lost: () => view?.load?.(), unauthorized: () => leave(REVOKED)});
  show();
  schedule(0);
  // The scopes of some users; those of others are seen in the change log.
  call('api/v1/presence/snapshot?limit=100').then(({data}) => {
    if (data.filter(({scope}) => scopes.see(scope)).length && view) {
      showScope();
      view.poll?.();
    }
  }, () => {});
};

addEventListener('hashchange', () => { if (location.hash !== '#main') show(); });
addEventListener('visibilitychange', () => { if (!document.hidden && tokens.service) schedule(0); });
// A page that is kept for the way back must not keep its stream: a browser has six connections to a host.
addEventListener('pagehide', () => {
  stop?.();
  clearTimeout(timer);
});
addEventListener('pageshow', ({persisted}) => { if (persisted && tokens.service) begin(); });
byId('skip').addEventListener('click', event => {
  event.preventDefault();
  byId('main').focus();
});
byId('sign-out').addEventListener('click', () => leave());
addEventListener('click', ({target}) => { if (!byId('scope').contains(target)) byId('scope').open = false; });
byId('scope').addEventListener('keydown', ({key}) => {
  if (key !== 'Escape') return;
  byId('scope').open = false;
  byId('scope').querySelector('summary').focus();
});

tokens.service ? begin() : leave();
