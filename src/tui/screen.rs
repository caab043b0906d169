//! The terminal: set up at the start, restored at the end.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use tokio::sync::{mpsc, watch};

use super::feed::{EventSender, MessageQuery};
use super::model::{Effect, Model, UiEvent};
use super::{feed, view};
use crate::client::Operator;

/// Capacity of the event channel.
const EVENT_CAPACITY: usize = 64;

/// The interval at which the thread that reads keys checks whether the view has ended.
const KEY_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Shows the view until the user quits or `stop` completes.
///
/// # Errors
/// There is no terminal.
pub async fn run(operator: Operator, stop: impl Future<Output = ()>) -> io::Result<()> {
    let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
    let (events, inbox) = mpsc::channel(EVENT_CAPACITY);
    let keys = events.clone();
    std::thread::spawn(move || read_keys(&keys));
    let result = tokio::select! {
        result = show(terminal, operator, events, inbox) => result,
        () = stop => Ok(()),
    };
    ratatui::restore();
    result
}

async fn show(
    mut terminal: DefaultTerminal,
    operator: Operator,
    events: EventSender,
    mut inbox: mpsc::Receiver<UiEvent>,
) -> io::Result<()> {
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

fn read_keys(events: &EventSender) {
    while !events.is_closed() {
        let event = match event::poll(KEY_POLL_INTERVAL) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let event = match event {
            Ok(event::Event::Key(key)) => UiEvent::Key(key),
            Ok(event::Event::Resize(..)) => UiEvent::Resized,
            Ok(_) => continue,
            // The terminal was closed.
            Err(_) => return,
        };
        if events.blocking_send(event).is_err() {
            return;
        }
    }
}
