//! PHP's formats, byte for byte as an application reads and writes them.
//!
//! Pure: uses no other module of the crate, no I/O and no clock; only [`hash`] reads random bytes. Each rule follows a
//! named source (`var.c`, `snprintf.c` and the JSON scanner of php-src 8.2, timelib, Carbon) and is checked against
//! `tests/vectors/`, which were recorded from running applications.
//!
//! Reading order:
//! - [`value`]: a PHP value, with the order and the key rules of PHP arrays, and its JSON form through serde
//! - [`serialize`]: `serialize()` and `unserialize()`, the format of the values in Laravel's cache
//! - [`json`]: `json_encode()` and `json_decode($text, true)`
//! - [`transcode`]: converts between the two formats without building a value
//! - [`date`]: what `Carbon::parse` reads and Carbon writes
//! - [`base64`]: `base64_decode`, as lenient as PHP's
//! - [`hash`]: `password_hash` and `password_verify` with bcrypt

pub mod base64;
pub mod date;
mod de;
pub(crate) mod float;
pub mod hash;
pub mod json;
mod key;
mod object;
mod ser;
pub mod serialize;
pub mod transcode;
mod unserialize;
mod utf8;
pub mod value;

pub use value::{Array, ArrayKey, Value};
