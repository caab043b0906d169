//! The operators' full-screen view: who is there, what was said, and a prompt to say something.
//!
//! Its [`model`] is pure: a state, and what happens to it ([`Event`](model::UiEvent)), which may ask for something to be done
//! ([`Effect`](model::Effect)). [`view`] draws a state and keeps none. [`feed`] asks the sidecar and tells what it finds, and
//! [`run`] holds the terminal, puts events into the model and draws. Whatever ends it, the terminal is as it was before.

mod conversation;
mod feed;
pub mod model;
mod prompt;
mod screen;
pub mod view;
mod wrap;

pub use self::screen::run;
