//! Laravel's formats, compared with recordings of real applications (`tests/vectors/`) and with Laravel itself.

mod cache_keys;
mod crypt;
mod dotenv;
mod prefixes;
mod recorded_13;
mod trims;
