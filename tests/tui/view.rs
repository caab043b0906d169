//! Frames of the view.

use presence_sidecar::client::OpenedMessage;
use presence_sidecar::tui::model::{Model, UiEvent};
use presence_sidecar::tui::view::draw;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::crossterm::event::KeyCode;

use super::{client, message, press, two_clients, write};

/// Draws a frame of this size; returns its lines and the position of the cursor.
fn render(model: &Model, width: u16, height: u16) -> (Vec<String>, (u16, u16)) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(model, frame)).unwrap();
    let cells = terminal.backend().buffer().content().chunks(width.into());
    let lines = cells.map(|line| line.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned());
    let lines = lines.collect();
    (lines, terminal.get_cursor_position().unwrap().into())
}

fn add_messages(model: &mut Model, client: &str, messages: Vec<OpenedMessage>) {
    model.update(UiEvent::Messages { client: client.to_owned(), messages });
}

#[test]
fn view_of_80_by_24_shows_clients_messages_prompt_and_keys() {
    let mut model = two_clients();
    let messages =
        vec![message(1, None, "b", "hello"), message(2, Some("b"), "b", "hi"), message(3, Some("a"), "b", "ho")];
    add_messages(&mut model, "b", messages);
    write(&mut model, "and you");
    let (lines, cursor) = render(&model, 80, 24);
    assert_eq!(lines[0], format!(" http://sidecar.test{:>59}", "2 clients, 1 online").trim_end());
    let shown = [
        "│● Till 2 b              ││2026-03-04 05:06:07 ▸ application chat              │",
        "│○ Till 1 a              ││  hello                                             │",
        "│                        ││2026-03-04 05:06:07 ◂ sent chat                     │",
        "│                        ││  hi                                                │",
        "│                        ││2026-03-04 05:06:07 ▸ from Till 1 chat              │",
        "│                        ││  ho                                                │",
    ];
    assert_eq!(lines[2..8], shown);
    assert!(lines[19].starts_with("┌ Publish to Till 2 ─"));
    assert!(lines[20].starts_with("│> and you ") && cursor == (10, 20), "{} {cursor:?}", lines[20]);
    assert_eq!(lines[23], " ↑↓ client  PgUp PgDn scroll  Enter publish  Esc clear  Ctrl-C quit");
}

#[test]
fn long_conversation_shows_its_end_and_scrolls_to_its_beginning() {
    let mut model = two_clients();
    add_messages(&mut model, "b", (1..=100).map(|n| message(n, None, "b", &format!("message {n}"))).collect());
    let shown = |model: &Model| render(model, 80, 24).0.join("\n");
    assert!(shown(&model).contains("message 100") && !shown(&model).contains("message 1 "));
    press(&mut model, KeyCode::PageUp);
    assert!(!shown(&model).contains("message 100"));
    (0..50).for_each(|_| _ = press(&mut model, KeyCode::PageUp));
    assert!(shown(&model).contains("  message 1 "), "{}", shown(&model));
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Up);
    assert!(shown(&model).contains("message 100"), "a selected conversation starts at its end");
}

#[test]
fn long_words_wide_characters_and_control_characters_stay_within_their_lines() {
    let mut model = two_clients();
    let wide = "漢字".repeat(40);
    let text = format!("{} \u{1b}[31mred\u{7} {wide} {}", "word ".repeat(20), "x".repeat(200));
    add_messages(&mut model, "b", vec![message(1, None, "b", &text)]);
    model.update(UiEvent::Clients(vec![client("b", "\u{1b}]0;title\u{7}", "online")]));
    write(&mut model, &"long ".repeat(40));
    for (width, height) in [(80, 24), (40, 10), (20, 8), (3, 3), (1, 1)] {
        let (lines, cursor) = render(&model, width, height);
        assert!(cursor.0 < width && cursor.1 < height, "{cursor:?} in {width} x {height}");
        assert!(lines.iter().all(|line| !line.contains(['\u{1b}', '\u{7}'])));
    }
    let (lines, _) = render(&model, 80, 24);
    let x = lines.iter().flat_map(|line| line.chars()).filter(|letter| *letter == 'x').count();
    assert_eq!(x, 200, "no character is cut off");
}

#[test]
fn status_line_shows_connection_and_publication_results() {
    let mut model = Model::new("http://sidecar.test", false);
    let notice = |model: &Model| render(model, 80, 24).0[22].clone();
    assert_eq!(notice(&model), " connecting");
    model.update(UiEvent::RequestFailed("it does not answer".to_owned()));
    assert_eq!(notice(&model), " retrying: it does not answer");
    model.update(UiEvent::Clients(Vec::new()));
    assert_eq!(notice(&model), "");
    assert!(render(&model, 80, 24).0[19].contains("Read only: set ADMIN_TOKEN to publish"));
    let mut model = two_clients();
    model.update(UiEvent::Published { client: "b".to_owned() });
    assert_eq!(notice(&model), " published to Till 2");
    add_messages(&mut model, "b", Vec::new());
    assert!(render(&model, 80, 24).0[2].contains("No messages yet."));
}
