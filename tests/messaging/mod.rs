//! Encrypted messaging, compared with what the Laravel reference server recorded.

mod app_key;
mod client_commands;
mod client_list;
mod clients;
mod conformance;
mod dead_letters;
mod domain;
mod groups;
pub mod harness;
mod hostile;
mod laravel;
mod operator_commands;
mod order;
mod outages;
mod pages;
mod queued;
mod recorded;
mod requests;
mod retention;
mod seal;
mod secrets;
mod stories;
mod takeover;

pub use self::harness::{ADMIN, Device, Harness, OPERATOR};
