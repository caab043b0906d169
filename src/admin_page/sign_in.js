/** Asks for the service token. */

import {call, isToken, tokens} from './api.js';
import {h} from './dom.js';

const WRONG = 'This is not a service token of this sidecar. Its service tokens are the values of PRESENCE_TOKEN in the ' +
  'environment, or of auth.tokens in the configuration.';

export const signIn = (notice, done) => {
  const input = h('input', {id: 'token', name: 'token', type: 'password', required: true, autocomplete: 'off',
    autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': 'token-hint token-error'});
  const error = h('p.error', {id: 'token-error', role: 'alert'}), button = h('button.primary', {}, 'Sign in');
  const form = h('form.card.sign-in', {novalidate: true},
    h('h1', {tabindex: -1}, 'Sign in'),
    notice && h('p.notice', {role: 'alert'}, notice),
    h('div.field', {}, h('label', {for: 'token'}, 'Service token'), input,
      h('p.hint', {id: 'token-hint'}, 'A value of PRESENCE_TOKEN. It is kept in this tab alone, until you sign out or close it.')),
    error, button);
  form.addEventListener('submit', async event => {
    event.preventDefault();
    if (button.ariaDisabled === 'true') return;
    const token = input.value.trim();
    const fail = text => {
      error.textContent = text;
      input.ariaInvalid = 'true';
      input.focus();
    };
    if (!token) return fail('Enter a service token.');
    if (!isToken(token)) return fail(WRONG);
    button.ariaDisabled = 'true';
    tokens.service = token;
    try {
      await call('api/v1/presence/counts');
      done();
    } catch (failure) {
      // The token is right, and the store is away: the page says so itself.
      if (failure.kind === 'unavailable') return done();
      tokens.service = null;
      fail(failure.kind === 'unauthorized' ? WRONG : failure.message);
    } finally {
      button.ariaDisabled = 'false';
    }
  });
  return {element: form, focus: () => input.focus()};
};
