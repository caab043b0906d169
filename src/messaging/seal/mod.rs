//! Encryption of messages: AES-256-GCM under the client's own key, compatible with the reference server and its clients.
//!
//! A sealed message consists of a ciphertext, a nonce of 12 bytes and a tag of 16 bytes, each in base64. The tag also covers
//! the additional authenticated data (AAD): a small JSON object, byte for byte as PHP's `json_encode` writes it. The AAD of
//! the server names the recipient and the time, so that a sealed message cannot be replayed as another one; see [`aad`] for
//! the forms that are accepted from clients.

pub mod aad;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::php::base64;

/// The length of a nonce, in bytes.
const NONCE_LEN: usize = 12;
/// The length of a tag, in bytes.
const TAG_LEN: usize = 16;
/// The length of a key, in bytes.
const KEY_LEN: usize = 32;

/// A client's key. Its `Debug` does not show the key.
#[derive(Clone)]
pub struct SealKey(Box<Aes256Gcm>);

/// A sealed message, in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The ciphertext.
    pub ciphertext: String,
    /// The nonce.
    pub nonce: String,
    /// The tag.
    pub tag: String,
}

/// The reason why a sealed message cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The nonce does not have 12 bytes.
    #[error("the nonce must have 12 bytes")]
    Nonce,
    /// The tag does not have 16 bytes. Shorter tags can be guessed.
    #[error("the tag must have 16 bytes")]
    Tag,
    /// The message was sealed under another key or with another AAD, or was changed since.
    #[error("the message does not decrypt")]
    Altered,
}

impl SealKey {
    /// Decodes a client's personal token: base64, cut or padded with zeros to 32 bytes as OpenSSL does. Returns `None` if
    /// the token is not base64.
    pub fn parse(token: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        let bytes = Zeroizing::new(base64::decode_strict(token)?);
        let len = bytes.len().min(KEY_LEN);
        key[..len].copy_from_slice(&bytes[..len]);
        Aes256Gcm::new_from_slice(key.as_slice()).ok().map(|cipher| Self(Box::new(cipher)))
    }

    /// Seals `plain` with `aad`, under a random nonce.
    pub fn seal(&self, plain: &[u8], aad: &str) -> Sealed {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let Ok(mut sealed) = self.0.encrypt(&Nonce::from(nonce), payload) else {
            unreachable!("only a plaintext of 64 GiB cannot be sealed");
        };
        let tag = sealed.split_off(sealed.len() - TAG_LEN);
        Sealed { ciphertext: base64::encode(&sealed), nonce: base64::encode(&nonce), tag: base64::encode(&tag) }
    }

    /// Opens a message that was sealed with one of `aads`. As in PHP, the base64 may contain spaces and lack its padding.
    ///
    /// # Errors
    /// [`OpenError`] if the nonce or the tag is malformed, or no AAD fits.
    pub fn open<A: AsRef<str>>(&self, sealed: &Sealed, aads: &[A]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let nonce: [u8; NONCE_LEN] = base64::decode_lenient(&sealed.nonce).try_into().map_err(|_| OpenError::Nonce)?;
        let tag = base64::decode_lenient(&sealed.tag);
        if tag.len() != TAG_LEN {
            return Err(OpenError::Tag);
        }
        let mut msg = base64::decode_lenient(&sealed.ciphertext);
        msg.extend_from_slice(&tag);
        let open =
            |aad: &A| self.0.decrypt(&Nonce::from(nonce), Payload { msg: &msg, aad: aad.as_ref().as_bytes() }).ok();
        aads.iter().find_map(open).map(Zeroizing::new).ok_or(OpenError::Altered)
    }
}

impl std::fmt::Debug for SealKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SealKey").finish_non_exhaustive()
    }
}

/// Generates a secret of 256 random bits in base64, as the reference server does for API tokens and personal tokens.
pub fn generate_token() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    random(bytes.as_mut_slice());
    Zeroizing::new(base64::encode(bytes.as_slice()))
}

#[expect(clippy::expect_used, reason = "secrets cannot be generated without random bytes")]
fn random(bytes: &mut [u8]) {
    SysRng.try_fill_bytes(bytes).expect("the system has a source of random bytes");
}
