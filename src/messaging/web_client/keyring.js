/**
 * What this browser keeps: credentials, for this tab or, if the user wants it, for good; and the fingerprint it registers
 * with. Whoever knows the fingerprint can get the credentials.
 */

const CREDENTIALS = 'presence-sidecar.credentials';
const FINGERPRINT = 'presence-sidecar.fingerprint';

/** The credentials that are kept, null if there are none. */
export function recall() {
  return JSON.parse(sessionStorage.getItem(CREDENTIALS) ?? localStorage.getItem(CREDENTIALS));
}

/** Whether credentials are kept for good. */
export function isRemembered() {
  return localStorage.getItem(CREDENTIALS) !== null;
}

/** Keeps credentials until the tab is closed, or for good. */
export function keep(credentials, remember) {
  forget();
  (remember ? localStorage : sessionStorage).setItem(CREDENTIALS, JSON.stringify(credentials));
}

/** Keeps no credentials any more. */
export function forget() {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(CREDENTIALS);
}

/** Calls back when another tab has changed what is remembered, unless this one has credentials of its own. */
export function watch(changed) {
  addEventListener('storage', ({key}) => {
    if (key === CREDENTIALS && sessionStorage.getItem(CREDENTIALS) === null) changed();
  });
}

/** The fingerprint of this browser: random, and always the same. */
export function fingerprint() {
  return localStorage.getItem(FINGERPRINT) ?? newFingerprint();
}

/** Another fingerprint in its place. */
export function newFingerprint() {
  const fresh = `browser-${crypto.randomUUID()}`;
  localStorage.setItem(FINGERPRINT, fresh);
  return fresh;
}

/** The next visit gets a fingerprint of its own. */
export function forgetFingerprint() {
  localStorage.removeItem(FINGERPRINT);
}
