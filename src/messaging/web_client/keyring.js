/**
 * What this browser stores: the credentials, for this tab or permanently, and the fingerprint that it registers with. The
 * fingerprint grants access to the credentials.
 */

const CREDENTIALS = 'presence-sidecar.credentials';
const FINGERPRINT = 'presence-sidecar.fingerprint';

/** Returns the stored credentials, null if there are none. */
export function load() {
  return JSON.parse(sessionStorage.getItem(CREDENTIALS) ?? localStorage.getItem(CREDENTIALS));
}

/** Whether credentials are stored permanently. */
export function isRemembered() {
  return localStorage.getItem(CREDENTIALS) !== null;
}

/** Stores credentials until the tab is closed, or permanently. */
export function save(credentials, remember) {
  forget();
  (remember ? localStorage : sessionStorage).setItem(CREDENTIALS, JSON.stringify(credentials));
}

/** Deletes the stored credentials. */
export function forget() {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(CREDENTIALS);
}

/** Calls `changed` when another tab changes the permanent credentials, unless this tab has its own. */
export function watch(changed) {
  addEventListener('storage', ({key}) => {
    if (key === CREDENTIALS && sessionStorage.getItem(CREDENTIALS) === null) changed();
  });
}

/** Returns the fingerprint of this browser: random, and the same each time. */
export function fingerprint() {
  return localStorage.getItem(FINGERPRINT) ?? newFingerprint();
}

/** Replaces the fingerprint with a new one. */
export function newFingerprint() {
  const fresh = `browser-${crypto.randomUUID()}`;
  localStorage.setItem(FINGERPRINT, fresh);
  return fresh;
}

/** Deletes the fingerprint; the next visit generates a new one. */
export function forgetFingerprint() {
  localStorage.removeItem(FINGERPRINT);
}
