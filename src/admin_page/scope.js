/** The scope that the views show: it is a part of their addresses. */

import {byId, h} from './dom.js';

export const PARTS = ['tenant', 'location', 'domain', 'guard'];

const known = new Map();

/** The parts of a scope that are set. */
export const partsOf = scope => Object.fromEntries(PARTS
  .filter(part => ![null, undefined, ''].includes(scope[part])).map(part => [part, String(scope[part])]));

/** Its guard is left out where it is `web`, the default. */
export const nameOf = scope => Object.entries(partsOf(scope)).filter(([part, value]) => part !== 'guard' || value !== 'web')
  .map(([part, value]) => `${part} ${value}`).join(' · ') || 'default';

const keyOf = scope => JSON.stringify(partsOf({guard: 'web', ...partsOf(scope)}));

export const isSame = (one, other) => keyOf(one) === keyOf(other);

/** Remembers a scope that was seen; returns whether it is new. */
export const see = scope => {
  const key = keyOf(scope);
  if (known.has(key)) return false;
  known.set(key, JSON.parse(key));
  return true;
};

export const seen = () => [...known.values()];

/** Shows the scope in the bar; `choose` gets another one. */
export const show = (scope, choose) => {
  byId('scope-text').textContent = nameOf(scope);
  const form = byId('scope-form'), details = byId('scope');
  if (details.open && form.childElementCount) return;
  const fields = PARTS.map(part => h('div.field', {}, h('label', {for: `scope-${part}`}, part[0].toUpperCase() + part.slice(1)),
    h('input', {id: `scope-${part}`, name: part, value: scope[part] ?? '', autocomplete: 'off', autocapitalize: 'none',
      spellcheck: 'false', placeholder: part === 'guard' ? 'web' : ''})));
  const others = seen().filter(other => !isSame(other, scope)).slice(0, 12);
  const close = () => { details.open = false; details.querySelector('summary').focus(); };
  form.replaceChildren(h('div.fields', {}, fields), h('p.actions', {}, h('button.primary', {}, 'Show')),
    others.length ? h('div.others', {}, h('p.label', {}, 'Seen in the change log'), others.map(other =>
      h('button.quiet', {type: 'button', onclick: () => { close(); choose(other); }}, nameOf(other)))) : '');
  form.onsubmit = event => {
    event.preventDefault();
    close();
    choose(Object.fromEntries(PARTS.map(part => [part, form.elements[part].value.trim()])));
  };
};
