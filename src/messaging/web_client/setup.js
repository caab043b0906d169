/** The forms that register a client, or accept existing credentials. */

import * as keyring from './keyring.js';
import {parseCredentials, register} from './protocol.js';
import {handleSubmit} from './form.js';

const section = document.getElementById('setup');
const notice = document.getElementById('setup-notice');
const registration = document.getElementById('register');
const pasting = document.getElementById('paste');

const NO_CREDENTIALS = 'This is not the JSON of a registration.';

/** Shows the forms, and the reason if there is one. */
export function ask(reason = '') {
  notice.textContent = reason;
  notice.hidden = !reason;
  registration.elements.fingerprint.value = keyring.fingerprint();
  section.hidden = false;
  document.getElementById('setup-title').focus();
}

/** Sets up the forms; they call `begin` with the credentials. */
export function setUp(begin) {
  const accept = async (credentials, form) => {
    await begin(credentials, form.elements.remember.checked);
    form.reset();
    section.hidden = true;
  };
  handleSubmit(registration, async ({fingerprint, name, token}) => {
    const given = {fingerprint: fingerprint.value, name: name.value.trim(), token: token.value};
    await accept(await register(given), registration);
  });
  handleSubmit(pasting, async ({credentials}) => {
    const given = parseCredentials(credentials.value);
    if (!given) throw new Error(NO_CREDENTIALS);
    await accept(given, pasting);
  });
  document.getElementById('new-fingerprint').addEventListener('click', () => {
    registration.elements.fingerprint.value = keyring.newFingerprint();
  });
}
