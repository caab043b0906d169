/** The form that sends messages. */

import {handleSubmit} from './form.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const form = document.getElementById('compose');

/** Parses client ids, separated by spaces or commas. */
function parseRecipients(text) {
  const ids = text.split(/[\s,;]+/).filter(Boolean);
  const invalid = ids.find(id => !UUID.test(id));
  if (invalid) throw new Error(`${invalid} is not a client id.`);
  return ids;
}

function parsePayload(text, isJson) {
  if (!isJson) return {text};
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('The message is not valid JSON.');
  }
}

/** Sets up the form; it calls `send` with each message as `{type, payload, to}`. */
export function setUp(send) {
  const {message} = form.elements;
  handleSubmit(form, async ({type, to, json}) => {
    await send({type: type.value || 'message', payload: parsePayload(message.value, json.checked), to: parseRecipients(to.value)});
    message.value = '';
    message.focus();
  });
  message.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
}
