//! Messaging over HTTP. Paths, bodies and statuses are those of the reference server.

pub mod auth;
mod client_list;
mod clients;
mod cross_site;
mod error_responses;
mod errors;
mod fanout_jobs;
mod fields;
mod form;
mod form_input;
mod limits;
mod operators;
mod parse;
mod requests;
mod responses;
mod routing;
mod validate;

pub use self::clients::{Api, ClientSettings};
pub use self::operators::Operators;
pub use self::routing::Tag;
