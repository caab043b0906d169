//! PHP's `json_encode()` and `json_decode($text, true)`. Encrypted messages and signatures depend on the exact text.

mod count;
mod decode;
mod encode;

pub use self::count::{count_values, depth};
pub use self::decode::{DecodeError, decode};
pub use self::encode::{EncodeError, Slashes, encode, encode_lossy};

/// The maximum nesting of arrays and objects, the default of both PHP functions; PHP 8.2's `json_decode` stops one level
/// earlier.
pub const MAX_DEPTH: usize = 512;
