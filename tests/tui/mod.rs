//! The full-screen views: their models, their frames in memory, and the whole views in a terminal.

mod model;
mod presence;
mod terminal;
mod view;

use presence_sidecar::client::{ClientRow, OpenedMessage};
use presence_sidecar::tui::model::{Effect, Model, UiEvent};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

/// A client with this id and name.
fn client(id: &str, name: &str, status: &str) -> ClientRow {
    let [id, name, status] = [id, name, status].map(str::to_owned);
    ClientRow { id, name: Some(name), created_at: None, last_seen_at: None, status }
}

/// A message to a client.
fn message(id: i64, from: Option<&str>, to: &str, text: &str) -> OpenedMessage {
    OpenedMessage {
        id,
        r#type: "chat".to_owned(),
        from_client_id: from.map(str::to_owned),
        to_client_id: to.to_owned(),
        created_at: "2026-03-04T05:06:07+00:00".to_owned(),
        payload: json!({"type": "chat", "payload": {"text": text}}),
    }
}

fn press(model: &mut Model, code: KeyCode) -> Option<Effect> {
    model.update(UiEvent::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn control(model: &mut Model, letter: char) -> Option<Effect> {
    model.update(UiEvent::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)))
}

fn write(model: &mut Model, text: &str) {
    text.chars().for_each(|letter| assert_eq!(press(model, KeyCode::Char(letter)), None));
}

/// A model with two clients, of which the second is online and selected.
fn two_clients() -> Model {
    let mut model = Model::new("http://sidecar.test", true);
    let clients = vec![client("a", "Till 1", "offline"), client("b", "Till 2", "online")];
    assert_eq!(model.update(UiEvent::Clients(clients)), Some(Effect::Refresh));
    model
}
