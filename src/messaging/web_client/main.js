/**
 * The page: asks for credentials, or shows the messages of a client.
 *
 * Reading order: seal.js (cryptography), protocol.js (the API), poller.js (when to poll), keyring.js (what the browser
 * stores); the visible parts: setup.js, conversation.js, compose.js, status.js.
 */

import * as compose from './compose.js';
import * as conversation from './conversation.js';
import * as keyring from './keyring.js';
import * as setup from './setup.js';
import * as status from './status.js';
import {Poller} from './poller.js';
import {Client} from './protocol.js';

const byId = id => document.getElementById(id);

/** Maximum number of messages of a poll; more may follow a full page. */
const PAGE = 50;

let client, poller;

/** Starts with these credentials, after the acknowledged message. */
async function begin(credentials, remember) {
  client = await Client.from(credentials);
  keyring.save(credentials, remember);
  conversation.clear();
  show();
  startPolling();
  byId('message').focus();
}

function show() {
  byId('client-id').textContent = client.id;
  byId('storage-hint').textContent = keyring.isRemembered()
    ? 'The credentials are stored on this device.'
    : 'The credentials are stored until this tab is closed.';
  byId('talk').hidden = false;
}

function startPolling() {
  const current = client;
  let cursor, acknowledged;
  const step = async signal => {
    const messages = await current.poll(cursor, signal);
    if (signal.aborted) return {};
    conversation.append(messages);
    cursor = messages.at(-1)?.id ?? cursor;
    if (cursor !== acknowledged) await current.acknowledge(cursor);
    acknowledged = cursor;
    return {found: messages.length > 0, more: messages.length === PAGE};
  };
  poller = new Poller({step, report});
  poller.run();
}

function report(state) {
  const stored = keyring.load();
  if (state.name === 'unauthorized' && stored && !client.has(stored)) {
    // Another tab has rotated the token.
    begin(stored, keyring.isRemembered());
    return;
  }
  status.show(state);
  if (state.name === 'unauthorized') {
    leave(`${state.message}: these credentials are no longer valid. Register again, or use other credentials.`);
  }
}

/** Deletes the credentials and asks for new ones. */
function leave(reason) {
  poller.stop();
  keyring.forget();
  conversation.clear();
  byId('talk').hidden = true;
  byId('client').open = false;
  setup.ask(reason);
}

/** Calls `action` when a button is clicked, and shows its error. */
function onClick(id, action) {
  byId(id).addEventListener('click', () => action().catch(error => status.notify(error.message)));
}

function setUp() {
  setup.setUp(begin);
  compose.setUp(async message => {
    await client.send(message);
    status.notify('Sent');
    poller.now();
  });
  onClick('poll-now', async () => poller.now());
  onClick('earlier', async () => {
    const found = await client.before(conversation.firstId());
    conversation.prepend(found);
    status.notify(found.length ? `${found.length} earlier messages` : 'There are no earlier messages.');
  });
  onClick('copy', async () => {
    await navigator.clipboard.writeText(JSON.stringify(keyring.load(), null, 2));
    status.notify('Copied');
  });
  onClick('rotate', async () => {
    poller.stop();
    try {
      const credentials = await client.rotate();
      client = await Client.from(credentials);
      keyring.save(credentials, keyring.isRemembered());
      status.notify('The token was rotated.');
    } finally {
      startPolling();
    }
  });
  onClick('forget', async () => byId('forgetting').showModal());
  byId('forgetting').addEventListener('close', ({target}) => {
    if (target.returnValue !== 'forget') return;
    if (byId('forget-fingerprint').checked) keyring.forgetFingerprint();
    leave();
    status.show({name: 'none'});
  });
  keyring.watch(() => location.reload());
}

if (!isSecureContext) {
  byId('insecure').hidden = false;
} else {
  setUp();
  const credentials = keyring.load();
  if (credentials) begin(credentials, keyring.isRemembered());
  else setup.ask();
}
