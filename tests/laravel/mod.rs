//! Laravel's formats against what real applications recorded (`tests/vectors/`), and against
//! themselves.

mod cache_keys;
mod dates;
mod dotenv;
mod json;
mod never_panics;
mod prefixes;
mod round_trips;
mod serialized;
mod values;
mod vectors;
