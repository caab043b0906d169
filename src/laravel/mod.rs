//! The formats of Laravel and PHP that the sidecar shares with an application, byte for byte.
//!
//! Pure ground floor: no other module of the crate, no I/O, no clock. Every rule follows a named
//! source (`var.c`, `snprintf.c` and the JSON scanner of php-src 8.2, timelib, Laravel 12's `Str`,
//! Carbon, vlucas/phpdotenv 5) and is held to `tests/vectors/`, which were recorded from running
//! applications.
//!
//! Reading order:
//! - [`value`]: a PHP value, with the order and the key rules of PHP arrays, and its JSON view
//!   through serde
//! - [`serialize`]: `serialize()` and `unserialize()`, the format of everything Laravel caches
//! - [`json`]: `json_encode()` and `json_decode($text, true)`
//! - [`transcode`]: from one of these notations to the other without a value in between
//! - [`cache_key`]: `Str::snake`, the logical key of a presence record and the two prefixes in
//!   front of it
//! - [`date`]: what `Carbon::parse` reads and Carbon writes
//! - [`crypt`], [`hash`]: what is encrypted with `APP_KEY`, and bcrypt; the only place here that wants random bytes
//! - [`base64`]: `base64_decode` with its leniency
//! - [`trim`]: what `Str::trim` takes off
//! - [`dotenv`]: a `.env` file as phpdotenv and `Illuminate\Support\Env` read it

pub mod base64;
pub mod cache_key;
pub mod crypt;
pub mod date;
pub mod dotenv;
mod float;
pub mod hash;
pub mod json;
mod key;
mod object;
mod read;
pub mod serialize;
mod text;
pub mod transcode;
pub mod trim;
mod unserialize;
pub mod value;
mod view;

pub use value::{Array, Key, Value};
