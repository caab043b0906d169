/** One user: the status, why, and the last changes. */

import {call, query} from './api.js';
import {ago, badge, count, empty, h, plural, replace, sentence, table, time, title, until} from './dom.js';
import {isSame, nameOf} from './scope.js';

const LIMIT = 50;

const fact = (name, ...value) => [h('dt', {}, name), h('dd', {}, value)];

const sentences = (texts, none) => texts.length ? h('ul.sentences', {}, texts.map(text => h('li', {}, sentence(text)))) : h('p.hint', {}, none);

const sessions = list => list.length
  ? table('Sessions', [['Session'], ['Activity'], ['Last seen', 'end'], ['Away', 'wide end'], ['Offline', 'end']],
    list.map(each => ({cells: [each.id, each.active ? 'active' : 'idle', ago(each.last_seen_at), until(each.away_at), until(each.offline_at)]})))
  : h('p.hint', {}, 'None.');

const waiting = list => list.length
  ? table('Deliveries that wait', [['Endpoint'], ['Waiting', 'end'], ['Oldest', 'end'], ['Next attempt', 'wide end'], ['Last result', 'wide']],
    list.map(each => ({cells: [each.endpoint, `${count(each.waiting)}${each.waiting === 100 ? '+' : ''}`, ago(each.oldest_queued_at),
      until(each.next_try_at), each.last ? `${plural(each.tries, 'try', 'tries')}: ${each.last}` : '–']})))
  : h('p.hint', {}, 'None.');

const timeline = changes => changes.length
  ? h('ol.timeline', {}, changes.map(each => h(`li.${each.status}`, {}, h('span.dot', {'aria-hidden': 'true'}),
    h('span.what', {}, each.previous === each.status ? `${each.status}, announced again` : `${each.previous} → ${each.status}`),
    h('span.cause', {}, each.cause ?? 'no cause recorded'), time(each.occurred_at))))
  : empty('No change is kept.', 'Entries are kept for changes.keep_hours.');

export const user = ({id, scope, link, attempt}) => {
  const body = h('div', {}), path = `${encodeURIComponent(id)}${query(scope)}`;
  const head = title(id);

  const show = (found, {data}) => {
    replace(head, h('h1', {tabindex: -1}, id), badge(found.status));
    replace(body, 
      h('section.card', {'aria-labelledby': 'why'}, h('h2', {id: 'why'}, 'Why'),
        sentences(found.reasons, 'Nothing is known.'),
        h('h3', {}, 'What would change it'), sentences(found.would_change, 'Nothing but a heartbeat.'),
        h('dl.facts', {},
          fact('Since', time(found.since)),
          found.next && fact('Next by time alone', `${found.next.status} `, until(found.next.at)),
          fact('Laravel record', found.record, found.record_last_seen_at && [', ', ago(found.record_last_seen_at)]),
          fact('Scope', nameOf(scope)), fact('Key', h('code', {}, found.key)))),
      h('div.columns.even', {},
        h('section', {'aria-labelledby': 'timeline'}, h('h2', {id: 'timeline'}, 'Timeline'), timeline(data)),
        h('div', {},
          h('section', {'aria-labelledby': 'sessions'}, h('h2', {id: 'sessions'}, 'Sessions'), sessions(found.sessions)),
          h('section', {'aria-labelledby': 'waiting'}, h('h2', {id: 'waiting'}, 'Deliveries that wait'), waiting(found.deliveries)))));
  };

  // One at a time: several changes at once are one more.
  let reading, isStale;
  const load = async () => {
    if (reading) { isStale = true; return; }
    reading = true;
    const history = query({...scope, limit: LIMIT});
    await attempt(async () => {
      const found = await Promise.all([call(`api/v1/presence/explain/${path}`),
        call(`api/v1/presence/history/${encodeURIComponent(id)}${history}`)]);
      show(...found);
    }, body);
    reading = false;
    if (isStale) {
      isStale = false;
      await load();
    }
  };
  return {
    element: h('div.view', {}, h('p.back', {}, h('a', {href: link('users')}, '← Users')), head, body),
    load, poll: load,
    change: entry => { if (String(entry.user_id) === id && isSame(entry.scope, scope)) load(); }
  };
};
