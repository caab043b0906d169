//! The view of presence: updates of the model, frames, and the whole view in a terminal.

use presence_sidecar::client::{PresencePage, PresentUser, UserChange, UserExplanation, UserReport, UserSession};
use presence_sidecar::tui::presence::model::{
    PresenceEffect, PresenceEvent, PresenceModel, PresenceQuery, PresenceReading, StatusFilter,
};
use presence_sidecar::tui::presence::view::draw_presence;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

use super::terminal::Tmux;
use crate::support::{Sidecar, TOKEN};

const REFRESH: Option<PresenceEffect> = Some(PresenceEffect::Refresh);

fn press(model: &mut PresenceModel, code: KeyCode) -> Option<PresenceEffect> {
    model.update(PresenceEvent::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn page(users: &[(&str, &str)], next: Option<&str>) -> PresencePage {
    let user = |&(id, status): &(&str, &str)| PresentUser { user_id: json!(id), status: status.to_owned() };
    PresencePage { users: users.iter().map(user).collect(), next: next.map(str::to_owned), online: 7, away: 3 }
}

fn read(model: &mut PresenceModel, page: PresencePage, report: Option<UserReport>) -> Option<PresenceEffect> {
    model.update(PresenceEvent::Read(Box::new(PresenceReading { query: model.query(), page, report })))
}

fn report() -> UserReport {
    let change = |previous: &str, status: &str, cause: Option<&str>| UserChange {
        status: status.to_owned(),
        previous: previous.to_owned(),
        occurred_at: "2026-03-04T05:06:07.000000Z".to_owned(),
        cause: cause.map(str::to_owned),
    };
    let session =
        UserSession { id: "laptop".to_owned(), active: true, last_seen_at: "2026-03-04T05:06:08.000000Z".to_owned() };
    let explanation = UserExplanation {
        status: "online".to_owned(),
        reasons: vec!["A heartbeat came.".to_owned()],
        would_change: vec!["Silence.".to_owned()],
        sessions: vec![session],
    };
    let changes = vec![change("offline", "online", Some("heartbeat")), change("offline", "offline", None)];
    UserReport { explanation, changes }
}

/// A model that shows the first page, and its first user.
fn two_users() -> PresenceModel {
    let mut model = PresenceModel::new("http://sidecar.test", "tenant acme");
    assert_eq!(read(&mut model, page(&[("ada", "online"), ("bob", "away")], Some("bob")), None), REFRESH);
    read(&mut model, page(&[("ada", "online"), ("bob", "away")], Some("bob")), Some(report()));
    model
}

fn render(model: &PresenceModel, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw_presence(model, frame)).unwrap();
    let cells = terminal.backend().buffer().content().chunks(width.into());
    let lines = cells.map(|line| line.iter().map(Cell::symbol).collect::<String>().trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn first_user_is_selected_and_a_typed_id_opens_any_user() {
    let mut model = two_users();
    assert_eq!(model.query().user.as_deref(), Some("ada"));
    assert_eq!(press(&mut model, KeyCode::Down), REFRESH);
    assert_eq!(model.query().user.as_deref(), Some("bob"));
    assert_eq!(press(&mut model, KeyCode::Down), None, "it is the last one");
    for letter in "us/er 7".chars() {
        assert_eq!(press(&mut model, KeyCode::Char(letter)), None);
    }
    assert_eq!(press(&mut model, KeyCode::Enter), REFRESH);
    assert_eq!(model.query().user.as_deref(), Some("us/er 7"));
    assert_eq!(press(&mut model, KeyCode::Enter), None, "the prompt is empty");
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(model.update(PresenceEvent::Key(control)), Some(PresenceEffect::Quit));
}

#[test]
fn pages_are_turned_in_both_directions_and_a_filter_begins_again() {
    let mut model = two_users();
    assert_eq!(press(&mut model, KeyCode::Left), None, "it is the first page");
    assert_eq!(press(&mut model, KeyCode::Right), REFRESH);
    assert_eq!(press(&mut model, KeyCode::Right), None, "the page after it is not known yet");
    read(&mut model, page(&[("eve", "online")], None), Some(report()));
    assert_eq!(model.query().cursor.as_deref(), Some("bob"));
    assert!(render(&model, 80, 24).contains(" Present, page 2 "));
    assert_eq!(press(&mut model, KeyCode::Left), REFRESH);
    assert_eq!(model.query().cursor, None);
    assert_eq!(press(&mut model, KeyCode::Tab), REFRESH);
    let expected = PresenceQuery { filter: StatusFilter::Online, cursor: None, user: Some("ada".to_owned()) };
    assert_eq!(model.query(), expected);
}

#[test]
fn answer_to_an_earlier_query_is_not_shown() {
    let mut model = two_users();
    let earlier = model.query();
    press(&mut model, KeyCode::Down);
    press(&mut model, KeyCode::Tab);
    let reading = PresenceReading { query: earlier, page: page(&[("old", "away")], None), report: Some(report()) };
    model.update(PresenceEvent::Read(Box::new(reading)));
    let shown = render(&model, 80, 24);
    assert!(shown.contains(" bob ") && !shown.contains("old") && !shown.contains("A heartbeat came."), "{shown}");
}

#[test]
fn frame_shows_counts_users_reasons_sessions_and_timeline() {
    let mut model = two_users();
    let shown = render(&model, 80, 24);
    for text in [
        " http://sidecar.test  tenant acme",
        "7 online, 3 away",
        "┌ Present → ─",
        "│● ada ",
        "│◐ bob ",
        "┌ ada · online ─",
        "│A heartbeat came. ",
        "│Silence. ",
        "│2026-03-04 05:06:08 laptop active ",
        "│2026-03-04 05:06:07 ● offline → online  heartbeat ",
        "│2026-03-04 05:06:07 ○ offline, announced again ",
        " Open a user by id ",
    ] {
        assert!(shown.contains(text), "{text:?} is not in\n{shown}");
    }
    assert!(!render(&model, 46, 12).contains("Present"), "a small terminal shows the user alone");
    model.update(PresenceEvent::Failed("http://sidecar.test does not answer".to_owned()));
    assert!(render(&model, 80, 24).contains("retrying: http://sidecar.test does not answer"));
    read(&mut model, PresencePage::default(), Some(report()));
    assert!(!render(&model, 80, 24).contains("retrying"));
}

#[test]
fn texts_of_others_do_not_control_the_terminal() {
    let mut model = PresenceModel::new("http://sidecar.test", "");
    read(&mut model, page(&[("\u{1b}[2Jada", "online")], None), None);
    assert!(!render(&model, 80, 24).contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_sees_users_and_their_timelines_in_a_terminal() {
    require!("tmux");
    let sidecar = Sidecar::start().await;
    for (user, active) in [("ada", true), ("us/er:7 ü", false)] {
        let body = json!({"user_id": user, "active": active, "session": "laptop"});
        assert_eq!(sidecar.client.post("/api/v1/presence/heartbeat", body).await.status, 200);
    }
    let tmux = Tmux::with("presence", &[("PRESENCE_SIDECAR_URL", &sidecar.url), ("PRESENCE_TOKEN", TOKEN)]);
    tmux.start("presence");
    tmux.wait_for(&["1 online, 1 away", "● ada", "◐ us/er:7 ü", " ada · online ", "offline → online  heartbeat"]).await;
    tmux.keys(&["Down"]);
    tmux.wait_for(&[" us/er:7 ü · away ", "laptop idle"]).await;
    // Live: what others do is shown.
    sidecar.client.post("/api/v1/presence/offline", json!({"user_id": "us/er:7 ü"})).await;
    tmux.wait_for(&["1 online, 0 away", " us/er:7 ü · offline ", "away → offline  offline"]).await;
    tmux.keys(&["C-c"]);
    tmux.assert_restored().await;
}
