/** The users of a scope who are present, in pages. */

import {call, query} from './api.js';
import {ago, badge, choices, count, empty, h, plural, replace, table, title} from './dom.js';
import {pager} from './pager.js';
import {isSame, nameOf} from './scope.js';

const LIMIT = 100;

/** The meta of a heartbeat in a few words. */
const brief = meta => Array.isArray(meta) && !meta.length ? '' : Object.entries(meta)
  .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' · ');

export const users = ({scope, params, link, attempt}) => {
  const {status, cursor} = params;
  const pages = pager(JSON.stringify(['users', scope, status]), params, page => link('users', {status, ...page}));
  const list = h('div', {}), noted = h('span', {}), totals = h('p.hint', {});
  const note = h('p.note', {role: 'status', hidden: true}, noted, h('button.quiet', {type: 'button', onclick: () => load()}, 'Read again'));
  const outside = new Set();
  let rows = [];

  const show = ({data, next_cursor: next}) => {
    rows = data.map(({user_id: id}) => String(id));
    const content = data.length
      ? table(`Users of scope ${nameOf(scope)}`,
        [['User'], ['Status'], ['Last seen', 'end'], ['Last active', 'wide end'], ['Sessions', 'wide end'], ['Meta', 'wide meta']],
        data.map(each => ({id: String(each.user_id), cells: [
          h('a', {href: link('users', {id: each.user_id})}, String(each.user_id)), badge(each.status), ago(each.last_seen_at),
          ago(each.last_online_at), count(each.sessions.length), h('span.faint', {}, brief(each.meta))]})))
      : empty(status ? `No user of this scope is ${status}.` : 'No user of this scope is present.',
        `Scope: ${nameOf(scope)}. Users who are offline are not listed; open one by its id.`);
    replace(list, content, pages(next));
  };

  const read = async () => {
    const [found, counts] = await Promise.all([
      call(`api/v1/presence/roster${query({...scope, status, cursor, limit: LIMIT})}`),
      call(`api/v1/presence/counts${query(scope)}`)]);
    outside.clear();
    note.hidden = true;
    totals.textContent = `${plural(counts.present, 'user')} present: ${count(counts.online)} online, ${count(counts.away)} away`;
    show(found);
  };
  const load = () => attempt(read, list);

  const change = entry => {
    if (!isSame(entry.scope, scope)) return;
    const id = String(entry.user_id), row = rows.includes(id) && list.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
    if (row) {
      row.children[1].replaceChildren(badge(entry.status));
      row.classList.toggle('gone', entry.status === 'offline');
      return;
    }
    outside.add(id);
    noted.textContent = `${plural(outside.size, 'other user has', 'other users have')} changed since this page was read. `;
    note.hidden = false;
  };

  const input = h('input', {id: 'user-id', name: 'id', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
    placeholder: 'User id'});
  const search = h('form.search', {role: 'search'}, h('label.for-screen-readers', {for: 'user-id'}, 'User id'), input,
    h('button', {}, 'Open'));
  search.addEventListener('submit', event => {
    event.preventDefault();
    const id = input.value.trim();
    if (id) location.hash = link('users', {id});
    else input.focus();
  });
  const options = [[undefined, 'All', link('users')], ['online', 'Online', link('users', {status: 'online'})],
    ['away', 'Away', link('users', {status: 'away'})]];
  return {
    element: h('div.view', {}, title('Users', totals), h('div.tools', {}, choices('Status', status, options), search), note, list),
    load, change
  };
};
