/** Deliveries of webhooks and broadcasts that wait, and dead letters. */

import {call, post, query} from './api.js';
import {ago, badge, choices, confirm, count, empty, h, plural, replace, table, title, toast, until} from './dom.js';
import {pager} from './pager.js';
import {nameOf} from './scope.js';

const LIMIT = 50, BROADCASTS = 'broadcast';

export const deliveries = ({params, link, metrics, attempt}) => {
  const {state = 'pending', endpoint, cursor} = params, isDead = state === 'dead';
  let reading, known;
  const list = h('div', {}), total = h('p.hint', {}), tools = h('div.tools', {});
  const pages = pager(JSON.stringify(['deliveries', state, endpoint]), params,
    page => link('deliveries', {...isDead && {state}, endpoint, ...page}));

  const replay = (id, button) => attempt(async () => {
    button.disabled = true;
    await post(`api/v1/webhooks/deliveries/${encodeURIComponent(id)}/replay`).finally(() => { button.disabled = false; });
    toast('Queued again.');
    await load();
  });

  const replayAll = () => {
    const since = h('input', {id: 'since', name: 'since', type: 'datetime-local'});
    confirm({
      title: 'Replay dead letters', verb: 'Replay all',
      text: `All dead letters ${endpoint ? `of ${endpoint} ` : ''}are queued again, each with its id and a new series of attempts.`,
      fields: [h('div.field', {}, h('label', {for: 'since'}, 'Only those queued since (optional)'), since)]
    }, async () => {
      const at = since.value ? new Date(since.value).toISOString() : undefined;
      const {replayed} = await post(`api/v1/webhooks/deliveries/replay${query({endpoint, since: at})}`);
      toast(`${plural(replayed, 'delivery', 'deliveries')} queued again.`);
      await load();
    });
  };

  const row = each => ({id: each.id, cells: [
    each.user_id === null ? h('span.faint', {}, 'not readable') : h('a', {href: link('users',
      {id: each.user_id, scope: {tenant: '', location: '', domain: '', guard: '', ...each.scope}}), title: nameOf(each.scope)}, String(each.user_id)),
    [each.event ? badge(each.event) : '–',
      h('span.sub.narrow', {}, [`${each.endpoint}, ${plural(each.tries, 'try', 'tries')}`, each.last].filter(Boolean).join(': '))],
    each.endpoint, ago(each.queued_at), count(each.tries), h('span.result', {}, each.last ?? '–'),
    isDead ? h('button.small', {type: 'button', 'aria-label': `Replay ${each.event} of ${each.user_id}`,
      onclick: ({currentTarget}) => replay(each.id, currentTarget)}, 'Replay') : until(each.next_try_at)]});

  const show = ({data, next_cursor: next}) => {
    replace(list, data.length
      ? table(isDead ? 'Dead letters, oldest first' : 'Deliveries that wait, oldest first',
        [['User'], ['Event'], ['Endpoint', 'wide'], ['Queued', 'end'], ['Tries', 'wide end'], ['Last result', 'wide result'],
          [isDead ? 'Replay' : 'Next attempt', 'end']], data.map(row))
      : isDead ? empty('No dead letters.', 'A delivery that has failed for the whole schedule of retries is kept here.')
        : empty('Nothing waits.', 'Each change is delivered as soon as it is recorded.'), pages(next));
  };

  const showTools = () => {
    known = metrics.endpoints.length;
    const all = [...metrics.endpoints, ...metrics.has('presence_sidecar_broadcast_pending') ? [BROADCASTS] : []];
    const select = h('select', {id: 'endpoint', onchange: ({target}) => {
      location.hash = link('deliveries', {...isDead && {state}, endpoint: target.value});
    }}, h('option', {value: ''}, 'All endpoints'), all.map(name => h('option', {value: name, selected: name === endpoint}, name)));
    const options = [['pending', 'Waiting', link('deliveries', {endpoint})],
      ['dead', 'Dead letters', link('deliveries', {state: 'dead', endpoint})]];
    replace(tools, choices('State', state, options),
      all.length > 1 ? h('label.select', {for: 'endpoint'}, h('span.for-screen-readers', {}, 'Endpoint'), select) : '',
      isDead ? h('button', {type: 'button', id: 'replay-all', onclick: replayAll}, 'Replay all…') : '');
  };

  const showTotal = () => {
    const sum = name => metrics.of(name).filter(({labels}) => !endpoint || labels.endpoint === endpoint)
      .reduce((all, {value}) => all + value, 0);
    total.textContent = metrics.available
      ? `Webhooks: ${count(sum('presence_sidecar_webhook_pending'))} waiting, ${plural(sum('presence_sidecar_webhook_dead_letters'), 'dead letter')}` : '';
  };

  const load = () => attempt(async () => show(
    await call(`api/v1/webhooks/deliveries${query({state, endpoint, cursor, limit: LIMIT})}`)), list);
  showTools();
  showTotal();
  return {
    element: h('div.view', {}, title('Deliveries', total), tools, list), load,
    poll: () => {
      showTotal();
      if (metrics.endpoints.length !== known) showTools();
      load();
    },
    // Many changes at once are read once.
    change: () => { reading ??= setTimeout(() => { reading = null; load(); }, 300); }
  };
};
