/**
 * Encryption of messages: AES-256-GCM under a client's personal token, compatible with the server. A sealed message consists
 * of a ciphertext, a nonce of 12 bytes and a tag of 16 bytes, each in base64; the tag also covers the additional
 * authenticated data (AAD).
 */

const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', {fatal: true});

const toBase64 = bytes => btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
const fromBase64 = text => Uint8Array.from(atob(text), character => character.charCodeAt(0));

const parameters = (iv, aad) => ({name: 'AES-GCM', iv, additionalData: encoder.encode(aad), tagLength: TAG_LENGTH * 8});

/** Imports the key of a personal token: base64, cut or padded with zeros to 32 bytes as OpenSSL does. */
export async function importKey(personalToken) {
  const bytes = new Uint8Array(KEY_LENGTH);
  bytes.set(fromBase64(personalToken).subarray(0, KEY_LENGTH));
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt']);
}

/** Seals a text under a random nonce. */
export async function seal(key, text, aad) {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_LENGTH));
  const sealed = new Uint8Array(await crypto.subtle.encrypt(parameters(nonce, aad), key, encoder.encode(text)));
  return {
    ciphertext: toBase64(sealed.subarray(0, -TAG_LENGTH)),
    nonce: toBase64(nonce),
    tag: toBase64(sealed.subarray(-TAG_LENGTH)),
  };
}

/** Opens a message that was sealed with this AAD; returns null if it does not decrypt or is malformed. */
export async function open(key, {ciphertext, nonce, tag}, aad) {
  try {
    const [text, iv, end] = [ciphertext, nonce, tag].map(fromBase64);
    if (iv.length !== NONCE_LENGTH || end.length !== TAG_LENGTH) return null;
    const sealed = new Uint8Array([...text, ...end]);
    return decoder.decode(await crypto.subtle.decrypt(parameters(iv, aad), key, sealed));
  } catch {
    return null;
  }
}
