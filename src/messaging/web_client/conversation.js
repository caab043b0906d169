/** The messages on the page, by rising id, each once. Whatever they say is put there as text. */

const UNREADABLE = 'This message cannot be opened with the key of this client.';

const list = document.getElementById('messages');
const log = document.getElementById('log');
const empty = document.getElementById('empty');

/** Pixels from the end within which the user is taken to follow the conversation, and not to read further up. */
const NEAR = 80;

let following = true;

log.addEventListener('scroll', () => {
  following = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
});
// Where the keyboard of a phone takes the room, too.
new ResizeObserver(follow).observe(log);

function follow() {
  if (following) log.scrollTop = log.scrollHeight;
}

/** A new element with a class and a text or children. */
function element(name, className, ...content) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...content);
  return made;
}

function time(at) {
  const date = new Date(at);
  const made = element('time', 'at');
  made.dateTime = at;
  if (Number.isNaN(date.getTime())) {
    made.textContent = at;
    return made;
  }
  const today = date.toDateString() === new Date().toDateString();
  made.textContent = date.toLocaleString([], {...(!today && {dateStyle: 'medium'}), timeStyle: 'medium'});
  made.title = date.toLocaleString([], {dateStyle: 'full', timeStyle: 'long'});
  return made;
}

/** A payload for people: a text as it is, everything else as JSON. */
function body({unreadable, plain}) {
  if (unreadable) return element('p', 'text', UNREADABLE);
  const payload = plain?.payload ?? plain;
  const keys = Object.keys(payload ?? {});
  const text = typeof payload === 'string' ? payload : keys.length === 1 ? payload.text : undefined;
  return typeof text === 'string'
    ? element('p', 'text', text)
    : element('pre', 'json', JSON.stringify(payload, null, 2));
}

function item(message) {
  const {id, type, at, own, unreadable, plain} = message;
  const about = element('p', 'about', element('span', 'from', unreadable ? 'Unreadable' : own ? 'You' : 'Received'));
  about.append(element('span', 'type', type), time(at), element('span', 'id', `#${id}`));
  const made = element('li', unreadable ? 'message unreadable' : own ? 'message own' : 'message', about, body(message));
  const to = plain?.to_client_ids;
  if (own && Array.isArray(to)) made.append(element('p', 'to', `Relayed to ${to.join(', ')}`));
  made.dataset.id = id;
  return made;
}

/** The least id on the page, undefined if it is empty. */
export function first() {
  return list.firstElementChild ? Number(list.firstElementChild.dataset.id) : undefined;
}

/** Adds messages behind those that are there, and shows them if the user follows. */
export function append(messages) {
  const last = Number(list.lastElementChild?.dataset.id ?? 0);
  const fresh = messages.filter(message => message.id > last);
  if (!fresh.length) return;
  empty.hidden = true;
  list.append(...fresh.map(item));
  follow();
}

/** Adds messages before those that are there. What the user looks at stays where it is. */
export function prepend(messages) {
  const below = log.scrollHeight - log.scrollTop;
  const fresh = messages.filter(message => message.id < (first() ?? Infinity));
  empty.hidden = empty.hidden || fresh.length > 0;
  list.prepend(...fresh.map(item));
  log.scrollTop = log.scrollHeight - below;
}

/** Takes all of them away. */
export function clear() {
  list.replaceChildren();
  empty.hidden = false;
}
