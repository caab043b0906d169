//! Laravel's `Crypt::encryptString` and `decryptString`, after `Illuminate\Encryption\Encrypter` of Laravel 12.
//!
//! The output is base64 of a JSON object with `iv`, `value`, `mac` and `tag`, of which all but `mac` are base64 again. A
//! CBC cipher is authenticated by an HMAC-SHA256 over the two base64 texts, a GCM cipher by its tag. The first key
//! encrypts; any key decrypts, so that `APP_KEY` can be changed while `APP_PREVIOUS_KEYS` has the old ones.

mod cipher;

use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng;
use rand::rngs::SysRng;
use serde::Serialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use self::cipher::Cipher;
use self::cipher::TAG_LEN;
use crate::php::{Value, base64, json};

/// The bytes of one key, zeroed when dropped.
type Key = Zeroizing<Vec<u8>>;

/// An encrypter with its keys. `Debug` does not print them.
#[derive(Clone)]
pub struct Crypt {
    cipher: Cipher,
    keys: Vec<Key>,
}

/// A key with the wrong length for the cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have {expected} bytes for this cipher, but has {found}")]
pub struct KeyError {
    expected: usize,
    found: usize,
}

/// A text that cannot be decrypted; the messages are those of Laravel's `DecryptException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// Not a payload of Laravel's encrypter.
    #[error("The payload is invalid.")]
    Payload,
    /// A tag, although the cipher has none.
    #[error("Unable to use tag because the cipher algorithm does not support AEAD.")]
    Tag,
    /// Encrypted with another key, or modified.
    #[error("The MAC is invalid.")]
    Mac,
    /// Encrypted with another key, or modified; detected by the cipher.
    #[error("Could not decrypt the data.")]
    Data,
}

/// The fields of a payload, in their order.
#[derive(Serialize)]
struct Payload<'a> {
    iv: &'a str,
    value: &'a str,
    mac: &'a str,
    tag: &'a str,
}

impl Crypt {
    /// An encrypter that encrypts with `key` and decrypts with `key` and `previous`. Each has the form of `APP_KEY`:
    /// `base64:` and the bytes in base64, or the bytes themselves.
    ///
    /// # Errors
    /// A key has the wrong length for the cipher.
    pub fn new(cipher: Cipher, key: &str, previous: &[&str]) -> Result<Self, KeyError> {
        let keys = std::iter::once(&key).chain(previous).map(|text| {
            let key = bytes(text);
            let (expected, found) = (cipher.key_len(), key.len());
            if expected == found { Ok(key) } else { Err(KeyError { expected, found }) }
        });
        Ok(Self { cipher, keys: keys.collect::<Result<_, _>>()? })
    }

    /// `Crypt::encryptString($plain)`, with a random initialization vector.
    ///
    /// # Panics
    /// The system has no random bytes.
    pub fn encrypt(&self, plain: &[u8]) -> String {
        let mut iv = vec![0; self.cipher.iv_len()];
        random(&mut iv);
        let key = &self.keys[0];
        let Some(mut sealed) = self.cipher.encrypt(key, &iv, plain) else {
            unreachable!("key and vector have the lengths of this cipher");
        };
        let tag = if self.cipher.has_tag() { sealed.split_off(sealed.len() - TAG_LEN) } else { Vec::new() };
        let (iv, value, tag) = (base64::encode(&iv), base64::encode(&sealed), base64::encode(&tag));
        let mac = if self.cipher.has_tag() { String::new() } else { hex::encode(mac(key, &iv, &value)) };
        let payload = Payload { iv: &iv, value: &value, mac: &mac, tag: &tag };
        base64::encode(&serde_json::to_vec(&payload).unwrap_or_default())
    }

    /// `Crypt::decryptString($text)`.
    ///
    /// # Errors
    /// [`DecryptError`] where Laravel throws its `DecryptException`.
    pub fn decrypt(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let payload = ParsedPayload::parse(text, self.cipher)?;
        let is_candidate = |key: &&Key| self.cipher.has_tag() || payload.is_authentic(key);
        let mut keys = self.keys.iter().filter(is_candidate).peekable();
        if keys.peek().is_none() {
            return Err(DecryptError::Mac);
        }
        // As lenient as `openssl_decrypt`; the text is authentic at this point.
        let mut sealed = base64::decode_lenient(&payload.value);
        sealed.extend_from_slice(&payload.tag);
        let opened = keys.find_map(|key| self.cipher.decrypt(key, &payload.iv, &sealed));
        opened.map(Zeroizing::new).ok_or(DecryptError::Data)
    }
}

impl std::fmt::Debug for Crypt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Crypt").field("cipher", &self.cipher).field("keys", &self.keys.len()).finish()
    }
}

/// A new `APP_KEY` for `cipher`, in its `base64:` form.
pub fn generate_key(cipher: Cipher) -> Zeroizing<String> {
    let mut key = Zeroizing::new(vec![0; cipher.key_len()]);
    random(&mut key);
    Zeroizing::new(format!("base64:{}", base64::encode(&key)))
}

/// A parsed payload.
struct ParsedPayload {
    iv: Vec<u8>,
    iv_text: String,
    value: String,
    mac: String,
    tag: Vec<u8>,
}

impl ParsedPayload {
    fn parse(text: &str, cipher: Cipher) -> Result<Self, DecryptError> {
        let text = String::from_utf8(base64::decode_lenient(text)).map_err(|_| DecryptError::Payload)?;
        let fields = json::decode(&text).map_err(|_| DecryptError::Payload)?;
        let fields = fields.as_array().ok_or(DecryptError::Payload)?;
        let field = |name: &str| fields.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let needed = |name: &str| field(name).ok_or(DecryptError::Payload);
        let (iv_text, value, mac) = (needed("iv")?, needed("value")?, needed("mac")?);
        let iv =
            base64::decode_strict(&iv_text).filter(|iv| iv.len() == cipher.iv_len()).ok_or(DecryptError::Payload)?;
        let tag = match (field("tag"), fields.get("tag")) {
            (None, Some(value)) if *value != Value::Null => return Err(DecryptError::Payload),
            (tag, _) => tag.filter(|tag| !matches!(tag.as_str(), "" | "0")).map(|tag| base64::decode_lenient(&tag)),
        };
        match (&tag, cipher.has_tag()) {
            (Some(_), false) => Err(DecryptError::Tag),
            (tag, true) if tag.as_ref().is_none_or(|tag| tag.len() != TAG_LEN) => Err(DecryptError::Data),
            _ => Ok(Self { iv, iv_text, value, mac, tag: tag.unwrap_or_default() }),
        }
    }

    fn is_authentic(&self, key: &Key) -> bool {
        hex::encode(mac(key, &self.iv_text, &self.value)).as_bytes().ct_eq(self.mac.as_bytes()).into()
    }
}

fn mac(key: &Key, iv: &str, value: &str) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("an HMAC takes keys of any length");
    };
    mac.update(iv.as_bytes());
    mac.update(value.as_bytes());
    mac.finalize().into_bytes().into()
}

fn bytes(key: &str) -> Key {
    match key.strip_prefix("base64:") {
        Some(encoded) => Zeroizing::new(base64::decode_lenient(encoded)),
        None => Zeroizing::new(key.as_bytes().to_vec()),
    }
}

#[expect(clippy::expect_used, reason = "without random bytes there are no secrets, and nothing may go on")]
fn random(bytes: &mut [u8]) {
    SysRng.try_fill_bytes(bytes).expect("the system has random bytes");
}
