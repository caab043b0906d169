//! PHP's formats, compared with recordings of real applications (`tests/vectors/`), with PHP itself, and in round trips.

mod date_formats;
mod dates;
mod hash;
mod json;
mod never_panics;
pub mod round_trips;
mod serialized;
mod transcode;
mod values;
pub mod vectors;
