//! Sealed messages, against what a real Laravel reference server recorded.

mod clients;
mod commands;
mod conformance;
mod given_up;
pub mod ground;
mod hostile;
mod janitor;
mod laravel;
mod model;
mod operating;
mod order;
mod outages;
mod queued;
mod recorded;
mod requests;
mod seal;
mod secrets;
mod stories;
mod takeover;

pub use self::ground::{ADMIN, Device, Ground, OPERATOR};
