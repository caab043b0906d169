//! The full-screen views: of messages (the clients, their messages, and a prompt to publish), and of [`presence`].
//!
//! They follow the Elm architecture. The [`model`] is pure: events ([`UiEvent`](model::UiEvent)) update its state, and an
//! update may request an [`Effect`](model::Effect). [`view`] draws a state and keeps none. [`feed`] sends requests to the
//! sidecar and returns the results as events. [`run`] owns the terminal, feeds events to the model and draws; it restores the
//! terminal however the view ends.

mod conversation;
mod feed;
pub mod model;
mod parts;
pub mod presence;
mod prompt;
mod screen;
mod terminal;
pub mod view;
mod wrap;

pub use self::presence::run_presence;
pub use self::screen::run;
