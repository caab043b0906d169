//! Laravel's formats against what real applications recorded (`tests/vectors/`), and against
//! themselves.

mod cache_keys;
mod dates;
mod dotenv;
mod json;
mod never_panics;
mod prefixes;
pub mod round_trips;
mod serialized;
mod transcode;
mod values;
mod vectors;
