/** Writing a message. */

import {submitting} from './form.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const form = document.getElementById('compose');

/** The ids in a text, apart by blanks or commas. */
function recipients(text) {
  const ids = text.split(/[\s,;]+/).filter(Boolean);
  const wrong = ids.find(id => !UUID.test(id));
  if (wrong) throw new Error(`${wrong} is not the id of a client.`);
  return ids;
}

function payload(text, isJson) {
  if (!isJson) return {text};
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('The message is not valid JSON.');
  }
}

/** Prepares the form; `send` is given each message as `{type, payload, to}`. */
export function prepare(send) {
  const {message} = form.elements;
  submitting(form, async ({type, to, json}) => {
    await send({type: type.value || 'message', payload: payload(message.value, json.checked), to: recipients(to.value)});
    message.value = '';
    message.focus();
  });
  message.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
