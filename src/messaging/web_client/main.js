/**
 * The page: either asks for credentials or holds a conversation with them.
 *
 * In the order to read it: seal.js (cryptography) and protocol.js (the API), poller.js (when to poll), keyring.js (what is
 * kept in the browser); and what is seen: setup.js, conversation.js, compose.js, status.js.
 */

import * as compose from './compose.js';
import * as conversation from './conversation.js';
import * as keyring from './keyring.js';
import * as setup from './setup.js';
import * as status from './status.js';
import {Poller} from './poller.js';
import {Client} from './protocol.js';

const part = id => document.getElementById(id);

/** As many as a poll brings at most: behind a full one others may follow. */
const FULL = 50;

let client, poller;

/** Goes on with these credentials, from what they have acknowledged. */
async function begin(credentials, remember) {
  client = await Client.from(credentials);
  keyring.keep(credentials, remember);
  conversation.clear();
  show();
  poll();
  part('message').focus();
}

function show() {
  part('client-id').textContent = client.id;
  part('kept').textContent = keyring.isRemembered()
    ? 'The credentials are kept on this device.'
    : 'The credentials are kept until this tab is closed.';
  part('talk').hidden = false;
}

function poll() {
  const polled = client;
  let cursor, acknowledged;
  const step = async signal => {
    const messages = await polled.poll(cursor, signal);
    if (signal.aborted) return {};
    conversation.append(messages);
    cursor = messages.at(-1)?.id ?? cursor;
    if (cursor !== acknowledged) await polled.acknowledge(cursor);
    acknowledged = cursor;
    return {found: messages.length > 0, more: messages.length === FULL};
  };
  poller = new Poller({step, report});
  poller.run();
}

function report(state) {
  const kept = keyring.recall();
  if (state.name === 'unauthorized' && kept && !client.has(kept)) {
    // Another tab has changed the token.
    begin(kept, keyring.isRemembered());
    return;
  }
  status.show(state);
  if (state.name === 'unauthorized') {
    leave(`${state.message}: these credentials are worth nothing any more. Register again, or use others.`);
  }
}

/** Back to the beginning. */
function leave(reason) {
  poller.stop();
  keyring.forget();
  conversation.clear();
  part('talk').hidden = true;
  part('client').open = false;
  setup.ask(reason);
}

/** Has a button do something, and says in the server's words if it fails. */
function on(id, act) {
  part(id).addEventListener('click', () => act().catch(problem => status.tell(problem.message)));
}

function prepare() {
  setup.prepare(begin);
  compose.prepare(async message => {
    await client.send(message);
    status.tell('Sent');
    poller.now();
  });
  on('poll-now', async () => poller.now());
  on('earlier', async () => {
    const found = await client.before(conversation.first());
    conversation.prepend(found);
    status.tell(found.length ? `${found.length} earlier messages` : 'There are no earlier messages.');
  });
  on('copy', async () => {
    await navigator.clipboard.writeText(JSON.stringify(keyring.recall(), null, 2));
    status.tell('Copied');
  });
  on('rotate', async () => {
    poller.stop();
    try {
      const credentials = await client.rotate();
      client = await Client.from(credentials);
      keyring.keep(credentials, keyring.isRemembered());
      status.tell('The token was changed.');
    } finally {
      poll();
    }
  });
  on('forget', async () => part('forgetting').showModal());
  part('forgetting').addEventListener('close', ({target}) => {
    if (target.returnValue !== 'forget') return;
    if (part('forget-fingerprint').checked) keyring.forgetFingerprint();
    leave();
    status.show({name: 'none'});
  });
  keyring.watch(() => location.reload());
}

if (!isSecureContext) {
  part('insecure').hidden = false;
} else {
  prepare();
  const credentials = keyring.recall();
  if (credentials) begin(credentials, keyring.isRemembered());
  else setup.ask();
}
