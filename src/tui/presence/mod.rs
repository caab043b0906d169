//! The full-screen view of presence: who is present in a scope, and a user's timeline.
//!
//! Like the view of messages it has a pure [`model`], a [`view`] that draws it, and a feed that calls the sidecar.

mod feed;
pub mod model;
pub mod view;

use std::io;

use tokio::sync::watch;

use self::model::{PresenceEffect, PresenceEvent, PresenceModel};
use super::terminal::{Session, in_terminal};
use crate::client::PresenceReader;

/// Shows the view until the user quits or `stop` completes.
///
/// # Errors
/// There is no terminal.
pub async fn run_presence(reader: PresenceReader, stop: impl Future<Output = ()>) -> io::Result<()> {
    in_terminal(async |session| show(session, reader).await, stop).await
}

async fn show(session: Session<PresenceEvent>, reader: PresenceReader) -> io::Result<()> {
    let Session { mut terminal, events, mut inbox } = session;
    let mut model = PresenceModel::new(reader.address(), &reader.scope_name());
    let (query, queries) = watch::channel(model.query());
    tokio::spawn(feed::poll(reader, queries, events));
    loop {
        terminal.draw(|frame| view::draw_presence(&model, frame))?;
        let Some(event) = inbox.recv().await else { return Ok(()) };
        match model.update(event) {
            Some(PresenceEffect::Quit) => return Ok(()),
            Some(PresenceEffect::Refresh) => _ = query.send_replace(model.query()),
            None => {}
        }
    }
}
