use presence_sidecar::tui::model::{Effect, Model, UiEvent};
use ratatui::crossterm::event::KeyCode;

use super::{client, control, message, press, two_clients, write};

fn publish(client: &str, text: &str) -> Option<Effect> {
    Some(Effect::Publish { client: client.to_owned(), text: text.to_owned() })
}

#[test]
fn who_is_online_comes_first_and_the_choice_stays_with_the_client() {
    let mut model = two_clients();
    assert_eq!(model.wanted(), Some(("b".to_owned(), 0)));
    assert_eq!(press(&mut model, KeyCode::Down), Some(Effect::Look));
    assert_eq!(model.wanted(), Some(("a".to_owned(), 0)));
    press(&mut model, KeyCode::Down);
    assert_eq!(model.wanted(), Some(("a".to_owned(), 0)), "there is nobody further down");
    let clients = vec![client("a", "Till 1", "online"), client("b", "Till 2", "offline"), client("c", "", "online")];
    assert_eq!(model.update(UiEvent::Clients(clients)), None);
    assert_eq!(model.wanted(), Some(("a".to_owned(), 0)));
    assert_eq!(model.update(UiEvent::Clients(vec![client("b", "Till 2", "offline")])), Some(Effect::Look));
    assert_eq!(model.wanted(), Some(("b".to_owned(), 0)), "the one that was chosen is gone");
    model.update(UiEvent::Clients(Vec::new()));
    assert_eq!(model.wanted(), None);
}

#[test]
fn messages_are_asked_for_behind_the_last_until_there_are_no_more() {
    let mut model = two_clients();
    let messages = |ids: &[i64]| UiEvent::Messages {
        client: "b".to_owned(),
        messages: ids.iter().map(|id| message(*id, None, "b", "x")).collect(),
    };
    assert_eq!(model.update(messages(&[3, 5])), Some(Effect::Look));
    assert_eq!(model.wanted(), Some(("b".to_owned(), 5)));
    assert_eq!(model.update(messages(&[])), None);
    press(&mut model, KeyCode::Down);
    assert_eq!(model.update(messages(&[6])), None, "it is not looked at any more");
    press(&mut model, KeyCode::Up);
    assert_eq!(model.wanted(), Some(("b".to_owned(), 6)));
}

#[test]
fn what_is_typed_is_published_to_the_client_that_is_selected() {
    let mut model = two_clients();
    assert_eq!(press(&mut model, KeyCode::Enter), None, "nothing was typed");
    write(&mut model, "hi there");
    assert_eq!(press(&mut model, KeyCode::Enter), publish("b", "hi there"));
    assert_eq!(model.prompt().text(), "");
    let unpublished = UiEvent::Unpublished { text: "hi there".to_owned(), why: "down".to_owned() };
    model.update(unpublished.clone());
    assert_eq!(model.prompt().text(), "hi there", "it can be published again");
    press(&mut model, KeyCode::Esc);
    write(&mut model, "something else");
    model.update(unpublished);
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
fn the_prompt_is_edited_as_lines_are() {
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
fn control_c_ends_it_whatever_goes_on() {
    let mut model = Model::new("", false);
    model.update(UiEvent::Failed("down".to_owned()));
    assert_eq!(control(&mut model, 'c'), Some(Effect::Quit));
    assert_eq!(control(&mut model, 'q'), Some(Effect::Quit));
    assert_eq!(press(&mut model, KeyCode::Char('c')), None);
}
