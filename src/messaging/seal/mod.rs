//! Sealing: AES-256-GCM under a client's own key, as the reference server and its clients do it.
//!
//! Sealed is a ciphertext, a nonce of 12 bytes and a tag of 16, each in base64. The tag also covers what goes along in the
//! open (the AAD): a small JSON object, in exactly the bytes that PHP's `json_encode` gives. What the server seals says for
//! whom and when, so that a sealed message cannot be passed off as another; see [`aad`] for what a client may have said.

pub mod aad;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::php::base64;

/// The bytes of a nonce.
const NONCE: usize = 12;
/// The bytes of a tag.
const TAG: usize = 16;
/// The bytes of a key.
const KEY: usize = 32;

/// A client's key. Its `Debug` does not show it.
#[derive(Clone)]
pub struct SealKey(Box<Aes256Gcm>);

/// What was sealed, in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The ciphertext.
    pub ciphertext: String,
    /// The nonce.
    pub nonce: String,
    /// The tag.
    pub tag: String,
}

/// Why something cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The nonce is not of 12 bytes.
    #[error("the nonce must have 12 bytes")]
    Nonce,
    /// The tag is not of 16 bytes. Shorter ones can be guessed.
    #[error("the tag must have 16 bytes")]
    Tag,
    /// It was sealed under another key, with other AAD, or changed since.
    #[error("it does not decrypt")]
    Altered,
}

impl SealKey {
    /// The key that a client's personal token is: bytes in base64, of which OpenSSL takes 32, filled up with zeros.
    /// `None` if it is no base64.
    pub fn parse(token: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY]);
        let bytes = Zeroizing::new(base64::decode_strict(token)?);
        let len = bytes.len().min(KEY);
        key[..len].copy_from_slice(&bytes[..len]);
        Aes256Gcm::new_from_slice(key.as_slice()).ok().map(|cipher| Self(Box::new(cipher)))
    }

    /// Seals `plain` with `aad`, under a nonce of its own.
    pub fn seal(&self, plain: &[u8], aad: &str) -> Sealed {
        let mut nonce = [0; NONCE];
        random(&mut nonce);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let Ok(mut sealed) = self.0.encrypt(&Nonce::from(nonce), payload) else {
            unreachable!("only a plaintext of 64 GiB cannot be sealed");
        };
        let tag = sealed.split_off(sealed.len() - TAG);
        Sealed { ciphertext: base64::encode(&sealed), nonce: base64::encode(&nonce), tag: base64::encode(&tag) }
    }

    /// Opens what was sealed with one of `aads`.
    ///
    /// # Errors
    /// [`OpenError`] if it was not, or is not of the right form. As in PHP, base64 may have blanks in it and no padding.
    pub fn open<A: AsRef<str>>(&self, sealed: &Sealed, aads: &[A]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let nonce: [u8; NONCE] = base64::decode_lenient(&sealed.nonce).try_into().map_err(|_| OpenError::Nonce)?;
        let tag = base64::decode_lenient(&sealed.tag);
        if tag.len() != TAG {
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
        formatter.debug_struct("Key").finish_non_exhaustive()
    }
}

/// A new secret of 256 random bits in base64, as the reference makes API tokens and personal tokens.
pub fn generate_token() -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; KEY]);
    random(bytes.as_mut_slice());
    Zeroizing::new(base64::encode(bytes.as_slice()))
}

#[expect(clippy::expect_used, reason = "without random bytes there are no secrets, and nothing may go on")]
fn random(bytes: &mut [u8]) {
    OsRng.try_fill_bytes(bytes).expect("the system gives random bytes");
}
