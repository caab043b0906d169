//! The four ciphers of Laravel's encrypter.

use std::str::FromStr;

use aes::{Aes128, Aes256};
use aes_gcm::aead::{Aead, Nonce, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

/// The length of an authentication tag in bytes.
pub(super) const TAG_LEN: usize = 16;

/// A cipher of `config/app.php`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cipher {
    /// `aes-256-cbc`, Laravel's default, authenticated by an HMAC.
    #[default]
    Aes256Cbc,
    /// `aes-128-cbc`, authenticated by an HMAC.
    Aes128Cbc,
    /// `aes-256-gcm`, authenticated by its tag.
    Aes256Gcm,
    /// `aes-128-gcm`, authenticated by its tag.
    Aes128Gcm,
}

impl Cipher {
    /// The names of all ciphers, in lower case.
    pub const WORDS: [&str; 4] = ["aes-256-cbc", "aes-256-gcm", "aes-128-cbc", "aes-128-gcm"];
}

impl FromStr for Cipher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "aes-256-cbc" => Ok(Self::Aes256Cbc),
            "aes-128-cbc" => Ok(Self::Aes128Cbc),
            "aes-256-gcm" => Ok(Self::Aes256Gcm),
            "aes-128-gcm" => Ok(Self::Aes128Gcm),
            _ => Err("must be aes-256-cbc, aes-256-gcm, aes-128-cbc or aes-128-gcm".to_owned()),
        }
    }
}

impl Cipher {
    /// The length of a key in bytes.
    pub fn key_len(self) -> usize {
        match self {
            Self::Aes256Cbc | Self::Aes256Gcm => 32,
            Self::Aes128Cbc | Self::Aes128Gcm => 16,
        }
    }

    /// The length of an initialization vector in bytes.
    pub(super) fn iv_len(self) -> usize {
        if self.has_tag() { 12 } else { 16 }
    }

    /// Whether the cipher has an authentication tag (AEAD).
    pub(super) fn has_tag(self) -> bool {
        matches!(self, Self::Aes256Gcm | Self::Aes128Gcm)
    }

    /// Returns the ciphertext, followed by the tag if the cipher has one. `None` if key or vector have the wrong length.
    pub(super) fn encrypt(self, key: &[u8], iv: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let cbc = Pkcs7Blocks { key, iv };
        match self {
            Self::Aes256Cbc => cbc.encrypt::<cbc::Encryptor<Aes256>>(plain),
            Self::Aes128Cbc => cbc.encrypt::<cbc::Encryptor<Aes128>>(plain),
            Self::Aes256Gcm => seal::<Aes256Gcm>(key, iv, plain),
            Self::Aes128Gcm => seal::<Aes128Gcm>(key, iv, plain),
        }
    }

    /// Returns the plaintext for the output of [`encrypt`](Self::encrypt); `None` if the input is not such an output.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let cbc = Pkcs7Blocks { key, iv };
        match self {
            Self::Aes256Cbc => cbc.decrypt::<cbc::Decryptor<Aes256>>(sealed),
            Self::Aes128Cbc => cbc.decrypt::<cbc::Decryptor<Aes128>>(sealed),
            Self::Aes256Gcm => open::<Aes256Gcm>(key, iv, sealed),
            Self::Aes128Gcm => open::<Aes128Gcm>(key, iv, sealed),
        }
    }
}

struct Pkcs7Blocks<'a> {
    key: &'a [u8],
    iv: &'a [u8],
}

impl Pkcs7Blocks<'_> {
    fn encrypt<C: KeyIvInit + BlockModeEncrypt>(&self, plain: &[u8]) -> Option<Vec<u8>> {
        Some(C::new_from_slices(self.key, self.iv).ok()?.encrypt_padded_vec::<Pkcs7>(plain))
    }

    fn decrypt<C: KeyIvInit + BlockModeDecrypt>(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        C::new_from_slices(self.key, self.iv).ok()?.decrypt_padded_vec::<Pkcs7>(sealed).ok()
    }
}

fn seal<C: Aead + KeyInit>(key: &[u8], iv: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let nonce = Nonce::<C>::try_from(iv).ok()?;
    C::new_from_slice(key).ok()?.encrypt(&nonce, Payload::from(plain)).ok()
}

fn open<C: Aead + KeyInit>(key: &[u8], iv: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let nonce = Nonce::<C>::try_from(iv).ok()?;
    C::new_from_slice(key).ok()?.decrypt(&nonce, Payload::from(sealed)).ok()
}
