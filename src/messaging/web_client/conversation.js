/** The list of messages: by ascending id, each once. Their content is inserted as text, never as HTML. */

const UNREADABLE = 'This message cannot be decrypted with the key of this client.';

const list = document.getElementById('messages');
const log = document.getElementById('log');
const empty = document.getElementById('empty');

/** Distance from the end, in pixels, within which the list scrolls to new messages. */
const FOLLOW_DISTANCE = 80;

let following = true;

log.addEventListener('scroll', () => {
  following = log.scrollHeight - log.scrollTop - log.clientHeight < FOLLOW_DISTANCE;
});
// Also when the on-screen keyboard of a phone shrinks the list.
new ResizeObserver(follow).observe(log);

function follow() {
  if (following) log.scrollTop = log.scrollHeight;
}

/** Creates an element with a class and text or children. */
function createElement(name, className, ...content) {
  const created = document.createElement(name);
  created.className = className;
  created.append(...content);
  return created;
}

function createTime(at) {
  const date = new Date(at);
  const time = createElement('time', 'at');
  time.dateTime = at;
  if (Number.isNaN(date.getTime())) {
    time.textContent = at;
    return time;
  }
  const today = date.toDateString() === new Date().toDateString();
  time.textContent = date.toLocaleString([], {...(!today && {dateStyle: 'medium'}), timeStyle: 'medium'});
  time.title = date.toLocaleString([], {dateStyle: 'full', timeStyle: 'long'});
  return time;
}

/** Renders a payload: a text as it is, everything else as JSON. */
function createBody({unreadable, plain}) {
  if (unreadable) return createElement('p', 'text', UNREADABLE);
  const payload = plain?.payload ?? plain;
  const keys = Object.keys(payload ?? {});
  const text = typeof payload === 'string' ? payload : keys.length === 1 ? payload.text : undefined;
  return typeof text === 'string'
    ? createElement('p', 'text', text)
    : createElement('pre', 'json', JSON.stringify(payload, null, 2));
}

function createItem(message) {
  const {id, type, at, own, from, unreadable, plain} = message;
  const sender = unreadable ? 'Unreadable' : own ? 'You' : from ? `From client ${from}` : 'Received';
  const about = createElement('p', 'about', createElement('span', 'from', sender));
  about.append(createElement('span', 'type', type), createTime(at), createElement('span', 'id', `#${id}`));
  const item = createElement('li', unreadable ? 'message unreadable' : own ? 'message own' : 'message', about, createBody(message));
  const to = plain?.to_client_ids;
  if (own && Array.isArray(to)) item.append(createElement('p', 'to', `Relayed to ${to.join(', ')}`));
  item.dataset.id = id;
  return item;
}

/** The smallest id in the list, undefined if it is empty. */
export function firstId() {
  return list.firstElementChild ? Number(list.firstElementChild.dataset.id) : undefined;
}

/** Adds messages at the end, and scrolls to them if the list was scrolled to its end. */
export function append(messages) {
  const last = Number(list.lastElementChild?.dataset.id ?? 0);
  const added = messages.filter(message => message.id > last);
  if (!added.length) return;
  empty.hidden = true;
  list.append(...added.map(createItem));
  follow();
}

/** Adds messages at the beginning, and keeps the scroll position. */
export function prepend(messages) {
  const below = log.scrollHeight - log.scrollTop;
  const added = messages.filter(message => message.id < (firstId() ?? Infinity));
  empty.hidden = empty.hidden || added.length > 0;
  list.prepend(...added.map(createItem));
  log.scrollTop = log.scrollHeight - below;
}

/** Removes all messages. */
export function clear() {
  list.replaceChildren();
  empty.hidden = false;
}
