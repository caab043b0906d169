//! The terminal: taken at the start, given back at the end, by whatever it ends.

use std::io;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event;
use tokio::sync::{mpsc, watch};

use super::feed::{Events, Wanted};
use super::model::{Effect, Model, UiEvent};
use super::{feed, view};
use crate::client::Operator;

/// Events that may wait.
const EVENTS: usize = 64;

/// How often the thread that reads keys looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(100);

/// Shows the view until it is left or `stop` ends.
///
/// # Errors
/// There is no terminal.
pub async fn run(operator: Operator, stop: impl Future<Output = ()>) -> io::Result<()> {
    let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
    let (events, inbox) = mpsc::channel(EVENTS);
    let keys = events.clone();
    std::thread::spawn(move || read_keys(&keys));
    let shown = tokio::select! {
        shown = show(terminal, operator, events, inbox) => shown,
        () = stop => Ok(()),
    };
    ratatui::restore();
    shown
}

async fn show(
    mut terminal: DefaultTerminal,
    operator: Operator,
    events: Events,
    mut inbox: mpsc::Receiver<UiEvent>,
) -> io::Result<()> {
    let mut model = Model::new(operator.address(), operator.may_publish());
    let (wanted, wants) = watch::channel(None);
    tokio::spawn(feed::clients(operator.clone(), events.clone()));
    tokio::spawn(feed::messages(operator.clone(), wants, events.clone()));
    loop {
        terminal.draw(|frame| view::draw(&model, frame))?;
        let Some(event) = inbox.recv().await else { return Ok(()) };
        match model.update(event) {
            Some(Effect::Quit) => return Ok(()),
            Some(Effect::Look) => look(&wanted, &model, true),
            Some(Effect::Publish { client, text }) => {
                tokio::spawn(feed::publish(operator.clone(), client, text, events.clone()));
            }
            None => look(&wanted, &model, false),
        }
    }
}

/// Says whose messages are wanted; with `now`, at once.
fn look(wanted: &watch::Sender<Wanted>, model: &Model, now: bool) {
    wanted.send_if_modified(|wanted| {
        let before = std::mem::replace(wanted, model.wanted());
        now || before.map(|(client, _)| client) != wanted.as_ref().map(|(client, _)| client.clone())
    });
}

fn read_keys(events: &Events) {
    while !events.is_closed() {
        let event = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let event = match event {
            Ok(event::Event::Key(key)) => UiEvent::Key(key),
            Ok(event::Event::Resize(..)) => UiEvent::Resized,
            Ok(_) => continue,
            // The terminal is gone.
            Err(_) => return,
        };
        if events.blocking_send(event).is_err() {
            return;
        }
    }
}
