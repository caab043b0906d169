/** What goes on: numbers, scopes, and the change log as it grows. */

import {call, query} from './api.js';
import {badge, count, duration, empty, h, replace, svg, table, time, title} from './dom.js';
import {isSame, nameOf, seen} from './scope.js';

/** Scopes whose members are counted at each poll. */
const SCOPES = 8;

const tile = (name, value, {hint, href, tone, picture} = {}) => h(`div.tile${tone ? `.${tone}` : ''}`, {},
  h('dt', {}, href ? h('a', {href}, name) : name),
  h('dd', {}, h('span.value.number', {}, value), picture, hint && h('span.hint', {}, hint)));

/** The rates as a line; its numbers are in the tile. */
const line = rates => {
  if (rates.length < 2) return null;
  const most = Math.max(...rates, 1), [width, height] = [120, 24];
  const points = rates.map((rate, index) =>
    `${(index / (rates.length - 1) * width).toFixed(1)},${(height - 2 - rate / most * (height - 4)).toFixed(1)}`);
  return svg('svg', {class: 'line', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'},
    svg('polyline', {points: points.join(' ')}));
};

const oldest = seconds => seconds ? `oldest ${duration(seconds)}` : 'none waits';

export const overview = ({scope, link, metrics, recent, attempt}) => {
  let drawing;
  const tiles = h('dl.tiles', {}), changes = h('div', {}), others = h('div', {});

  const showNumbers = counts => {
    const pending = metrics.sum('presence_sidecar_webhook_pending'), dead = metrics.sum('presence_sidecar_webhook_dead_letters') + metrics.sum('presence_sidecar_broadcast_dead_letters');
    const users = [tile('Online', count(counts.online), {href: link('users', {status: 'online'}), hint: nameOf(scope)}),
      tile('Away', count(counts.away), {href: link('users', {status: 'away'}), hint: nameOf(scope)})];
    if (metrics.available === undefined) return replace(tiles, ...users);
    if (!metrics.available) {
      return replace(tiles, ...users, h('div.tile.wide', {}, h('dt', {}, 'Metrics'), h('dd', {}, h('span.hint', {},
        'They are on a listener of their own (metrics.listen), so this page cannot show them.'))));
    }
    const {rates} = metrics, lag = metrics.mean('presence_sidecar_detection_lag_seconds'), hasBroadcasts = metrics.has('presence_sidecar_broadcast_pending');
    replace(tiles, ...users,
      tile('Heartbeats', rates.length ? `${count(Math.round(rates.at(-1)))}/s` : '–', {picture: line(rates),
        hint: rates.length > 1 ? null : `${count(metrics.sum('presence_sidecar_heartbeats_total'))} in all`}),
      tile('Detection lag', lag ? `${lag.toFixed(2)} s` : '–', {hint: 'mean of away and offline'}),
      tile('Streams', count(metrics.sum('presence_sidecar_streams_open')), {hint: 'open on this process'}),
      tile('Webhooks waiting', count(pending), {href: link('deliveries'),
        hint: oldest(metrics.most('presence_sidecar_webhook_oldest_pending_seconds'))}),
      tile('Broadcasts waiting', hasBroadcasts ? count(metrics.sum('presence_sidecar_broadcast_pending')) : '–',
        {hint: hasBroadcasts ? oldest(metrics.most('presence_sidecar_broadcast_oldest_pending_seconds')) : 'not configured'}),
      tile('Dead letters', count(dead), {href: link('deliveries', {state: 'dead'}), tone: dead ? 'bad' : null,
        hint: dead ? 'can be replayed' : 'none'}));
  };

  const showChanges = () => replace(changes, recent().length
    ? table('Changes, newest first', [['User'], ['Change'], ['Cause', 'wide'], ['Scope', 'wide'], ['Time', 'end']],
      recent().map(entry => ({id: entry.id, cells: [
        h('a', {href: link('users', {id: entry.user_id, scope: {tenant: '', location: '', domain: '', guard: '', ...entry.scope}})},
          String(entry.user_id)),
        [h('span.from.wide', {}, entry.previous === entry.status ? 'again' : entry.previous), badge(entry.status),
          h('span.sub.narrow', {}, entry.cause)],
        entry.cause ?? '–', nameOf(entry.scope), time(entry.occurred_at)]})))
    : empty('No change yet.', 'Each one appears here as it is recorded, of every scope.'));

  const showScopes = counted => replace(others, table('Scopes', [['Scope'], ['Online', 'end'], ['Away', 'end']],
    counted.map(([each, {online, away}]) => ({cells: [
      h('a', {href: link('users', {scope: {tenant: '', location: '', domain: '', guard: '', ...each}}),
        'aria-current': isSame(each, scope) ? 'true' : null}, nameOf(each)), count(online), count(away)]}))));

  const load = () => attempt(async () => {
    const listed = [scope, ...seen().filter(other => !isSame(other, scope))].slice(0, SCOPES);
    const counted = await Promise.all(listed.map(async each => [each, await call(`api/v1/presence/counts${query(each)}`)]));
    showNumbers(counted[0][1]);
    showScopes(counted);
  });

  showChanges();
  return {
    element: h('div.view', {}, title('Overview'), tiles, h('div.columns', {},
      h('section', {'aria-labelledby': 'changes'}, h('h2', {id: 'changes'}, 'Changes'), changes),
      h('section', {'aria-labelledby': 'scopes'}, h('h2', {id: 'scopes'}, 'Scopes'), others))),
    load, poll: load,
    // Many changes at once are drawn once.
    change: () => { drawing ??= setTimeout(() => { drawing = null; showChanges(); }, 150); }
  };
};
