//! Updates of the model.

use presence_sidecar::tui::model::{Effect, Model, UiEvent};
use ratatui::crossterm::event::KeyCode;

use super::{client, control, message, press, two_clients, write};

fn publish(client: &str, text: &str) -> Option<Effect> {
    Some(Effect::Publish { client: client.to_owned(), text: text.to_owned() })
}

#[test]
fn online_clients_come_first_and_the_selection_follows_the_client() {
    let mut model = two_clients();
    assert_eq!(model.message_query(), Some(("b".to_owned(), 0)));
    assert_eq!(press(&mut model, KeyCode::Down), Some(Effect::Refresh));
    assert_eq!(model.message_query(), Some(("a".to_owned(), 0)));
    press(&mut model, KeyCode::Down);
    assert_eq!(model.message_query(), Some(("a".to_owned(), 0)), "it was the last client");
    let clients = vec![client("a", "Till 1", "online"), client("b", "Till 2", "offline"), client("c", "", "online")];
    assert_eq!(model.update(UiEvent::Clients(clients)), None);
    assert_eq!(model.message_query(), Some(("a".to_owned(), 0)));
    assert_eq!(model.update(UiEvent::Clients(vec![client("b", "Till 2", "offline")])), Some(Effect::Refresh));
    assert_eq!(model.message_query(), Some(("b".to_owned(), 0)), "the selected client is gone");
    model.update(UiEvent::Clients(Vec::new()));
    assert_eq!(model.message_query(), None);
}

#[test]
fn messages_are_requested_after_the_last_one_until_none_are_left() {
    let mut model = two_clients();
    let messages = |ids: &[i64]| UiEvent::Messages {
        client: "b".to_owned(),
        messages: ids.iter().map(|id| message(*id, None, "b", "x")).collect(),
    };
    assert_eq!(model.update(messages(&[3, 5])), Some(Effect::Refresh));
    assert_eq!(model.message_query(), Some(("b".to_owned(), 5)));
    assert_eq!(model.update(messages(&[])), None);
    press(&mut model, KeyCode::Down);
    assert_eq!(model.update(messages(&[6])), None, "another client is selected");
    press(&mut model, KeyCode::Up);
    assert_eq!(model.message_query(), Some(("b".to_owned(), 6)));
}

#[test]
fn enter_publishes_the_prompt_to_the_selected_client() {
    let mut model = two_clients();
    assert_eq!(press(&mut model, KeyCode::Enter), None, "the prompt is empty");
    write(&mut model, "hi there");
    assert_eq!(press(&mut model, KeyCode::Enter), publish("b", "hi there"));
    assert_eq!(model.prompt().text(), "");
    let failed = UiEvent::PublishFailed { text: "hi there".to_owned(), reason: "down".to_owned() };
    model.update(failed.clone());
    assert_eq!(model.prompt().text(), "hi there", "the text can be published again");
    press(&mut model, KeyCode::Esc);
    write(&mut model, "something else");
    model.update(failed);
    assert_eq!(model.prompt().text(), "something else");

    let mut alone = Model::new("", true);
    write(&mut alone, "x");
    assert_eq!(press(&mut alone, KeyCode::Enter), None);
    let mut reader = Model::new("", false);
    reader.update(UiEvent::Clients(vec![client("a", "", "online")]));
    write(&mut reader, "x");
    assert_eq!(press(&mut reader, KeyCode::Enter), None, "without ADMIN_TOKEN");
}

#[test]
fn prompt_supports_the_usual_editing_keys() {
    let mut model = two_clients();
    write(&mut model, "one twö three");
    control(&mut model, 'w');
    press(&mut model, KeyCode::Left);
    press(&mut model, KeyCode::Backspace);
    write(&mut model, "o");
    assert_eq!(model.prompt().text(), "one two ");
    press(&mut model, KeyCode::Home);
    press(&mut model, KeyCode::Delete);
    control(&mut model, 'e');
    press(&mut model, KeyCode::Right);
    press(&mut model, KeyCode::Tab);
    assert_eq!(model.prompt().text(), "ne two ");
    control(&mut model, 'a');
    press(&mut model, KeyCode::Backspace);
    write(&mut model, "o");
    press(&mut model, KeyCode::End);
    control(&mut model, 'u');
    assert_eq!(model.prompt().text(), "");
}

#[test]
fn ctrl_c_quits_in_every_state() {
    let mut model = Model::new("", false);
    model.update(UiEvent::RequestFailed("down".to_owned()));
    assert_eq!(control(&mut model, 'c'), Some(Effect::Quit));
    assert_eq!(control(&mut model, 'q'), Some(Effect::Quit));
    assert_eq!(press(&mut model, KeyCode::Char('c')), None);
}
