/** Clients, their messages, and publications on their way: with an operator token. */

import {call, isToken, post, query, tokens} from './api.js';
import {ago, badge, choices, confirm, count, empty, h, plural, replace, table, time, title, toast} from './dom.js';
import {pager} from './pager.js';

const LIMIT = 50, WRONG = 'This is not an operator token of this sidecar. Its operator tokens are the values of OPERATOR_TOKENS.';

/** Asks for the operator token. */
const unlock = (notice, done) => {
  const input = h('input', {id: 'operator', type: 'password', autocomplete: 'off', spellcheck: 'false',
    'aria-describedby': 'operator-hint operator-error'});
  const error = h('p.error', {id: 'operator-error', role: 'alert'}, notice);
  const form = h('form.card.sign-in', {novalidate: true}, h('div.field', {}, h('label', {for: 'operator'}, 'Operator token'), input,
    h('p.hint', {id: 'operator-hint'}, 'Messages are for operators alone: a value of OPERATOR_TOKENS. It is kept in this tab alone.')),
  error, h('button.primary', {}, 'Show messages'));
  form.addEventListener('submit', event => {
    event.preventDefault();
    const token = input.value.trim();
    if (isToken(token)) {
      tokens.operator = token;
      done();
    } else {
      error.textContent = token ? WRONG : 'Enter an operator token.';
      input.focus();
    }
  });
  return form;
};

const OPERATOR = {operator: true};

const clientTable = (list, link) => table('Clients', [['Client'], ['Status'], ['Last seen', 'end'], ['Registered', 'wide end']],
  list.map(each => ({id: each.id, cells: [[h('a', {href: link('messages', {client: each.id})}, each.name ?? each.id),
    each.name && h('span.sub', {}, each.id)], badge(each.status), ago(each.last_seen_at), time(each.created_at)]})));

const jobTable = list => table('Publications, oldest first', [['Type'], ['Recipients', 'end'], ['Queued', 'end'], ['Tries', 'end'],
  ['Last result', 'wide result']], list.map(each => ({id: each.id, cells: [each.type ?? h('span.faint', {}, 'not readable'),
  count(each.recipients), ago(each.queued_at), count(each.tries), h('span.result', {}, each.last ?? '–')]})));

const messageTable = list => table('Messages, oldest first', [['Id', 'tight'], ['From'], ['Type', 'wide'], ['Content', 'content'], ['Time', 'end']],
  list.map(each => ({id: String(each.id), cells: [String(each.id),
    each.from_client_id === each.to_client_id ? 'the client' : each.from_client_id ?? 'application', each.type,
    h('code.content', {}, JSON.stringify(each.payload?.payload ?? each.payload)), time(each.created_at)]})));

export const messages = context => {
  const {params, link, attempt} = context, {client, jobs, cursor} = params;
  const list = h('div', {}), tools = h('div.tools', {}), heading = client ? 'Messages of a client' : 'Messages';

  /** The page of clients. */
  const showClients = async () => {
    const {clients, next_cursor: next} = await call(`api/v1/operators/clients${query({limit: LIMIT, cursor})}`, OPERATOR);
    const pages = pager('clients', params, page => link('messages', page));
    replace(list, clients.length ? clientTable(clients, link)
      : empty('No clients.', 'Devices register themselves at /api/v1/clients/register.'), pages(next));
  };

  const showJobs = async () => {
    const {data} = await call(`api/v1/operators/fan-outs${query({state: jobs})}`, OPERATOR);
    replace(list, data.length ? jobTable(data) : empty(jobs === 'dead' ? 'No dead publications.' : 'Nothing waits.',
      'A publication is stored for each of its recipients by a worker.'));
  };

  const showMessages = async () => {
    const {messages: found} = await call(`api/v1/operators/clients/${encodeURIComponent(client)}/messages${query({cursor})}`, OPERATOR)
      ?? {messages: []};
    replace(list, found.length ? [messageTable(found), h('nav.pages', {'aria-label': 'Pages'},
      cursor && h('a.button', {href: link('messages', {client})}, 'First'),
      h('a.button', {href: link('messages', {client, cursor: found.at(-1).id})}, 'Next'))].reduce((all, each) => (all.append(each), all),
      h('div', {})) : empty(cursor ? 'No more messages.' : 'No messages.'));
  };

  const revoke = () => confirm({
    title: 'Revoke this client?', danger: true, verb: 'Revoke',
    text: `The credentials of ${client} become invalid, and its fingerprint can register again. Its messages stay.`
  }, async () => {
    await post(`api/v1/operators/clients/${encodeURIComponent(client)}/revoke`, OPERATOR);
    toast('The client was revoked.');
  });

  const replay = () => confirm({
    title: 'Replay publications', verb: 'Replay all', text: 'All dead publications are queued again. Each of their messages is stored once.'
  }, async () => {
    const {replayed} = await post('api/v1/operators/fan-outs/replay', OPERATOR);
    toast(`${plural(replayed, 'publication')} queued again.`);
    await load();
  });

  const showTools = () => replace(tools, ...client
    ? [h('code', {}, client), h('button.danger', {type: 'button', onclick: revoke}, 'Revoke…')]
    : [choices('What', jobs, [[undefined, 'Clients', link('messages')], ['pending', 'Waiting', link('messages', {jobs: 'pending'})],
      ['dead', 'Dead', link('messages', {jobs: 'dead'})]]),
    jobs === 'dead' ? h('button', {type: 'button', onclick: replay}, 'Replay all…') : '']);

  const ask = notice => {
    replace(tools, );
    replace(list, unlock(notice, load));
    list.querySelector('input').focus();
  };

  const load = () => {
    if (!tokens.operator) return ask();
    return attempt(async () => {
      try {
        await (client ? showMessages() : jobs ? showJobs() : showClients());
        showTools();
      } catch (failure) {
        if (failure.kind !== 'unauthorized') throw failure;
        tokens.operator = null;
        ask(WRONG);
      }
    }, list);
  };
  return {
    element: h('div.view', {}, client && h('p.back', {}, h('a', {href: link('messages')}, '← Messages')), title(heading), tools, list),
    load
  };
};
