//! Laravel's formats, on top of PHP's: byte for byte as an application reads and writes them.
//!
//! Pure: uses no I/O and no clock; only [`crypt`] reads random bytes. Each rule follows a named source (Laravel 12's `Str`,
//! `Encrypter` and cache stores, vlucas/phpdotenv 5) and is checked against `tests/vectors/`.
//!
//! - [`cache_key`]: `Str::snake`, the logical key of a presence record, and the two prefixes in front of it
//! - [`crypt`]: values encrypted with `APP_KEY`
//! - [`trim`] takes off what `Str::trim` takes off
//! - [`dotenv`]: a `.env` file as phpdotenv and `Illuminate\Support\Env` read it

pub mod cache_key;
pub mod crypt;
pub mod dotenv;
pub mod trim;
