//! The hash functions of signatures.

use std::fmt;
use std::str::FromStr;

/// A hash function for the HMAC of a signature, one of those of PHP's `hash_hmac`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algo {
    /// SHA-256, the default.
    Sha256,
    /// SHA-224.
    Sha224,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-512/256.
    Sha512_256,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// SHA-512/224.
    Sha512_224,
    /// SHA3-224.
    Sha3_224,
    /// Whirlpool.
    Whirlpool,
    /// RIPEMD-160.
    Ripemd160,
    /// SHA-1, for receivers that support nothing better.
    Sha1,
    /// MD5, for receivers that support nothing better.
    Md5,
}

impl Algo {
    /// Every algorithm, the default first.
    pub const ALL: [Self; 14] = [
        Self::Sha256,
        Self::Sha224,
        Self::Sha384,
        Self::Sha512,
        Self::Sha512_256,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
        Self::Sha512_224,
        Self::Sha3_224,
        Self::Whirlpool,
        Self::Ripemd160,
        Self::Sha1,
        Self::Md5,
    ];

    /// The name in PHP's `hash_hmac`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha224 => "sha224",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha512_256 => "sha512/256",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
            Self::Sha512_224 => "sha512/224",
            Self::Sha3_224 => "sha3-224",
            Self::Whirlpool => "whirlpool",
            Self::Ripemd160 => "ripemd160",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
        }
    }
}

impl fmt::Display for Algo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|algo| algo.name().eq_ignore_ascii_case(text));
        known.ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
