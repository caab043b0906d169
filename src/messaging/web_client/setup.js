/** Becoming a client: by registering, or with credentials that are there already. */

import * as keyring from './keyring.js';
import {credentialsIn, register} from './protocol.js';
import {submitting} from './form.js';

const section = document.getElementById('setup');
const expelled = document.getElementById('expelled');
const registration = document.getElementById('register');
const pasting = document.getElementById('paste');

const NO_CREDENTIALS = 'This is not the JSON that registering answers with.';

/** Asks for credentials, and says why if there is a reason. */
export function ask(reason = '') {
  expelled.textContent = reason;
  expelled.hidden = !reason;
  registration.elements.fingerprint.value = keyring.fingerprint();
  section.hidden = false;
  document.getElementById('setup-title').focus();
}

/** Prepares the forms; `begin` is called with credentials once there are some. */
export function prepare(begin) {
  const accept = async (credentials, form) => {
    await begin(credentials, form.elements.remember.checked);
    form.reset();
    section.hidden = true;
  };
  submitting(registration, async ({fingerprint, name, token}) => {
    const given = {fingerprint: fingerprint.value, name: name.value.trim(), token: token.value};
    await accept(await register(given), registration);
  });
  submitting(pasting, async ({credentials}) => {
    const given = credentialsIn(credentials.value);
    if (!given) throw new Error(NO_CREDENTIALS);
    await accept(given, pasting);
  });
  document.getElementById('new-fingerprint').addEventListener('click', () => {
    registration.elements.fingerprint.value = keyring.newFingerprint();
  });
}
