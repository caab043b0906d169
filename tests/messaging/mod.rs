//! Sealed messages, against what a real Laravel reference server recorded.

mod conformance;
mod ground;
mod janitor;
mod laravel;
mod model;
mod order;
mod outages;
mod recorded;
mod seal;
mod stories;
mod takeover;

pub use self::ground::{ADMIN, Device, Ground, OPERATOR};
