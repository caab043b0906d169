//! The view of messages in the terminal.

use std::io;

use tokio::sync::watch;

use super::feed::MessageQuery;
use super::model::{Effect, Model, UiEvent};
use super::terminal::{Session, in_terminal};
use super::{feed, view};
use crate::client::Operator;

/// Shows the view until the user quits or `stop` completes.
///
/// # Errors
/// There is no terminal.
pub async fn run(operator: Operator, stop: impl Future<Output = ()>) -> io::Result<()> {
    in_terminal(async |session| show(session, operator).await, stop).await
}

async fn show(session: Session<UiEvent>, operator: Operator) -> io::Result<()> {
    let Session { mut terminal, events, mut inbox } = session;
    let mut model = Model::new(operator.address(), operator.may_publish());
    let (query, queries) = watch::channel(None);
    tokio::spawn(feed::poll_clients(operator.clone(), events.clone()));
    tokio::spawn(feed::poll_messages(operator.clone(), queries, events.clone()));
    loop {
        terminal.draw(|frame| view::draw(&model, frame))?;
        let Some(event) = inbox.recv().await else { return Ok(()) };
        match model.update(event) {
            Some(Effect::Quit) => return Ok(()),
            Some(Effect::Refresh) => update_query(&query, &model, true),
            Some(Effect::Publish { client, text }) => {
                tokio::spawn(feed::publish(operator.clone(), client, text, events.clone()));
            }
            None => update_query(&query, &model, false),
        }
    }
}

/// Updates the query for messages. Sends a request at once if `now` is set or another client is selected.
fn update_query(query: &watch::Sender<MessageQuery>, model: &Model, now: bool) {
    query.send_if_modified(|query| {
        let previous = std::mem::replace(query, model.message_query());
        now || previous.map(|(client, _)| client) != query.as_ref().map(|(client, _)| client.clone())
    });
}
