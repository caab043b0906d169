/** This sidecar: the checks of what it needs, and its configuration. */

import {call} from './api.js';
import {choices, count, empty, h, plural, replace, table, title} from './dom.js';

const DEFAULT = 'default';

export const settings = ({params, link, attempt}) => {
  const isAll = params.show === 'all';
  const checks = h('div', {role: 'status'}), list = h('div', {}), warnings = h('div', {}), total = h('p.hint', {});
  const again = h('button.small', {id: 'check', type: 'button', onclick: () => check()}, 'Check again');

  const result = ({subject, what, fix}) => ({cells: [subject,
    h(fix === null ? 'span.good' : 'span.bad', {}, fix === null ? 'OK' : 'Fix'), [what, fix !== null && h('span.sub', {}, fix)]]});

  const check = () => attempt(async () => {
    again.disabled = true;
    replace(checks, h('p.hint', {}, 'Checking…'));
    const {checks: found} = await call('api/v1/checks').finally(() => { again.disabled = false; });
    const wrong = found.filter(({fix}) => fix !== null).length;
    replace(checks, h('p', {}, wrong ? `${plural(wrong, 'problem')} found.` : 'No problem found.'),
      table('Checks', [['What'], ['Result'], ['Found']], [...found].sort((a, b) => (a.fix === null) - (b.fix === null)).map(result)));
  }, checks);

  const showSettings = () => attempt(async () => {
    const {settings: all, warnings: said} = await call('api/v1/configuration');
    const shown = isAll ? all : all.filter(({from}) => from !== DEFAULT);
    total.textContent = `${count(shown.length)} of ${plural(all.length, 'key')}. Secrets are masked.`;
    replace(warnings, said.map(text => h('p.notice', {}, text)));
    replace(list, shown.length ? table('Configuration', [['Key'], ['Value', 'result'], ['From', 'wide']],
      shown.map(({key, value, from}) => ({id: key, cells: [h('code', {}, key),
        [h('code', {}, value), h('span.sub.narrow', {}, from)], from]})))
      : empty('Nothing is set.', 'All keys have their defaults.'));
  }, list);

  const load = () => Promise.all([showSettings(), check()]);
  return {
    element: h('div.view', {}, title('Settings'), h('section', {'aria-labelledby': 'checks'},
      h('div.tools', {}, h('h2', {id: 'checks'}, 'Checks'), again), checks),
    h('section', {'aria-labelledby': 'configuration'}, h('h2', {id: 'configuration'}, 'Configuration'), warnings,
      h('div.tools', {}, choices('Which keys', isAll ? 'all' : 'set', [['set', 'Set', link('settings')],
        ['all', 'All', link('settings', {show: 'all'})]]), total), list)),
    load
  };
};
