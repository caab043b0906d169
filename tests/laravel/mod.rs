//! Laravel's formats against what real applications recorded (`tests/vectors/`), and against
//! themselves.

mod cache_keys;
mod crypt;
mod dates;
mod dotenv;
mod hash;
mod json;
mod never_panics;
mod prefixes;
pub mod round_trips;
mod serialized;
mod transcode;
mod trims;
mod values;
mod vectors;
