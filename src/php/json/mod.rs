//! PHP's `json_encode()` and `json_decode($text, true)`, whose exact text the sealed messages and
//! the signatures depend on.

mod decode;
mod encode;

pub use self::decode::{DecodeError, decode};
pub use self::encode::{EncodeError, Slashes, encode, encode_lossy};

/// How deep arrays and objects may nest, the default of both PHP functions; PHP 8.2's `json_decode`
/// stops one level earlier.
pub const MAX_DEPTH: usize = 512;
