//! The change log and its followers: identity, pages, streams, their limits, and many streams at once.

mod adoption;
mod attack;
mod catching_up;
mod event_source;
mod followers;
mod identity;
mod raw_stream;
