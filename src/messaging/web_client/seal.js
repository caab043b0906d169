/**
 * Sealing: AES-256-GCM under a client's personal token, as the server does it. Sealed is a ciphertext, a nonce of 12
 * bytes and a tag of 16, each in base64; the tag also covers what goes along in the open (the AAD).
 */

const KEY = 32;
const NONCE = 12;
const TAG = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', {fatal: true});

const toBase64 = bytes => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
const fromBase64 = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));

const parameters = (iv, aad) => ({name: 'AES-GCM', iv, additionalData: encoder.encode(aad), tagLength: TAG * 8});

/** The key that a personal token is: 32 bytes of what its base64 holds, filled up with zeros, as OpenSSL takes them. */
export async function importKey(personalToken) {
  const bytes = new Uint8Array(KEY);
  bytes.set(fromBase64(personalToken).subarray(0, KEY));
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** Seals a text under a nonce of its own. */
export async function seal(key, text, aad) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE));
  const sealed = new Uint8Array(await crypto.subtle.encrypt(parameters(nonce, aad), key, encoder.encode(text)));
  return {
    ciphertext: toBase64(sealed.subarray(0, -TAG)),
    nonce: toBase64(nonce),
    tag: toBase64(sealed.subarray(-TAG)),
  };
}

/** The text that was sealed with this AAD; null if it was not, or is not of the right form. */
export async function open(key, {ciphertext, nonce, tag}, aad) {
  try {
    const [text, iv, end] = [ciphertext, nonce, tag].map(fromBase64);
    if (iv.length !== NONCE || end.length !== TAG) return null;
    const sealed = new Uint8Array([...text, ...end]);
    return decoder.decode(await crypto.subtle.decrypt(parameters(iv, aad), key, sealed));
  } catch {
    return null;
  }
}
