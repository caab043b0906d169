/** Elements, times and the parts that all views are made of. No HTML is made from text. */

const SVG = 'http://www.w3.org/2000/svg';

const fill = (element, properties, children) => {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter(child => child || child === 0));
  return element;
};

/** An element: `h('p.hint.small', {id: 'x'}, 'text', other)`. */
export const h = (name, properties = {}, ...children) => {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(' ');
  return fill(element, properties, children);
};

export const svg = (name, properties = {}, ...children) =>
  fill(document.createElementNS(SVG, name), properties, children);

export const byId = id => document.getElementById(id);

const FOCUSABLE = 'a, button, input, select, summary, [tabindex]';
const nameOf = element => element.id || element.getAttribute('href') || element.getAttribute('aria-label') || element.textContent;

/** Replaces what is in an element; what has the focus in it keeps it. */
export const replace = (element, ...children) => {
  const focused = element.contains(document.activeElement) && document.activeElement !== element && nameOf(document.activeElement);
  element.replaceChildren(...children.flat(Infinity).filter(child => child || child === 0));
  if (focused) [...element.querySelectorAll(FOCUSABLE)].find(other => nameOf(other) === focused)?.focus({preventScroll: true});
};

/** How far the server's clock is ahead, in milliseconds. */
let ahead = 0;
export const setServerTime = text => { ahead = Date.parse(text) - Date.now() || 0; };

const two = number => String(number).padStart(2, '0');

/** `14:03:12`, with the date if it is not today. */
const clock = at => {
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return at.toDateString() === new Date().toDateString() ? time : `${date} ${time}`;
};

/** A time of day, or `–`. */
export const time = text => {
  if (!text) return h('span.faint', {}, '–');
  const at = new Date(text);
  return h('time.number', {datetime: text, title: at.toString()}, clock(at));
};

const UNITS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

export const duration = seconds => {
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
};

const relative = (text, isDue) => {
  const seconds = Math.round((Date.now() + ahead - Date.parse(text)) / 1000);
  if (Math.abs(seconds) < 2 || isDue && seconds > 0) return 'now';
  return seconds > 0 ? `${duration(seconds)} ago` : `in ${duration(-seconds)}`;
};

/** How long ago, or in how long; goes on by itself. */
export const ago = (text, isDue = false) => text
  ? h('time.number', {datetime: text, title: new Date(text).toString(), 'data-relative': isDue ? 'due' : 'past'}, relative(text, isDue))
  : h('span.faint', {}, '–');

/** In how long something is due; `now` if it should have happened. */
export const until = text => ago(text, true);

/** A sentence, its times as times of day. */
export const sentence = text => text.split(/(\d{4}-\d\d-\d\dT[\d:.]+Z)/).map((part, index) => index % 2 ? time(part) : part);

setInterval(() => {
  for (const element of document.querySelectorAll('time[data-relative]')) {
    const text = relative(element.dateTime, element.dataset.relative === 'due');
    if (element.textContent !== text) element.textContent = text;
  }
}, 1000);

export const count = number => (number ?? 0).toLocaleString('en');

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A status in words, with a dot. */
export const badge = status => h(`span.badge.${status}`, {}, h('span.dot', {'aria-hidden': 'true'}), status);

/** A table. Columns: `[title, class]`; cells are elements, texts or lists of them. */
export const table = (caption, columns, rows) => h('table', {},
  h('caption.for-screen-readers', {}, caption),
  h('thead', {}, h('tr', {}, columns.map(([title, name = '']) => h('th', {scope: 'col', class: name || null}, title)))),
  h('tbody', {}, rows.map(({id, cells}) => h('tr', {'data-id': id},
    cells.map((cell, index) => h(index ? 'td' : 'th', {scope: index ? null : 'row', class: columns[index][1] || null}, cell))))));

export const empty = (title, hint) => h('div.empty', {}, h('p', {}, title), hint && h('p.hint', {}, hint));

/** Choices of which one is current, as links. */
export const choices = (label, current, options) => h('nav.choices', {'aria-label': label},
  options.map(([value, title, href]) => h('a', {href, 'aria-current': value === current ? 'true' : null}, title)));

export const title = (text, ...more) => h('div.title', {}, h('h1', {tabindex: -1}, text), more);

/** Shows a short text for some seconds. */
let fading;
export const toast = text => {
  byId('toast').textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => { byId('toast').textContent = ''; }, 6000);
};

/** Asks before `action`; the dialog shows its error. */
export const confirm = ({title, text, fields = [], verb, danger}, action) => {
  const dialog = byId('dialog'), error = h('p.error', {role: 'alert'});
  const form = h('form', {novalidate: true}, h('h2', {id: 'dialog-title'}, title), h('p', {}, text), fields, error,
    h('p.actions', {}, h('button', {type: 'button', onclick: () => dialog.close()}, 'Cancel'),
      h(danger ? 'button.danger' : 'button.primary', {}, verb)));
  form.addEventListener('submit', async event => {
    event.preventDefault();
    try {
      await action(form.elements);
      dialog.close();
    } catch (failure) {
      error.textContent = failure.message;
    }
  });
  dialog.replaceChildren(form);
  dialog.showModal();
};
