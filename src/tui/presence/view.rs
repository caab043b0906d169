//! Draws the model. Keeps no state between frames.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::model::{PresenceModel, StatusFilter};
use crate::client::{UserChange, UserReport, UserSession, render_time, sanitize};
use crate::tui::parts::{Areas, bold, dim, draw_head, draw_list, draw_notice, draw_prompt};
use crate::tui::wrap::wrap;

const KEYS: &str = " ↑↓ user  ←→ page  Tab filter  PgUp PgDn scroll  Enter open  Ctrl-C quit";

/// Draws the model.
pub fn draw_presence(model: &PresenceModel, frame: &mut Frame<'_>) {
    let areas = Areas::of(frame);
    let summary = format!("{} online, {} away ", model.page.online, model.page.away);
    let scope = if model.scope.is_empty() { String::new() } else { format!("  {}", sanitize(&model.scope)) };
    draw_head(format!(" {}{scope}", sanitize(&model.address)), summary, frame, areas.head);
    let users = model.page.users.iter();
    let users = users.map(|user| Line::from(vec![mark(&user.status), Span::raw(format!(" {}", sanitize(&user.id())))]));
    draw_list(users, list_title(model), model.selected_index(), frame, areas.list);
    draw_report(model, frame, areas.content);
    draw_prompt(" Open a user by id ".to_owned(), &model.prompt, frame, areas.prompt);
    draw_notice(&model.notice, frame, areas.notice);
    frame.render_widget(Line::styled(KEYS, dim()), areas.keys);
}

fn list_title(model: &PresenceModel) -> String {
    let filter = match model.filter() {
        StatusFilter::All => "Present",
        StatusFilter::Online => "Online",
        StatusFilter::Away => "Away",
    };
    let more = if model.page.next.is_some() { " →" } else { "" };
    match model.page_number() {
        1 => format!(" {filter}{more} "),
        number => format!(" {filter}, page {number}{more} "),
    }
}

fn mark(status: &str) -> Span<'static> {
    match status {
        "online" => Span::styled("●", Style::new().fg(Color::Green)),
        "away" => Span::styled("◐", Style::new().fg(Color::Yellow)),
        _ => Span::styled("○", dim()),
    }
}

fn draw_report(model: &PresenceModel, frame: &mut Frame<'_>, area: Rect) {
    let title = match (model.user(), &model.report) {
        (Some(user), Some(report)) => format!(" {} · {} ", sanitize(user), sanitize(&report.explanation.status)),
        (Some(user), None) => format!(" {} ", sanitize(user)),
        (None, _) => " No user ".to_owned(),
    };
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let lines = match (&model.report, model.user()) {
        (Some(report), _) => render_report(report, inner.width.into()),
        (None, Some(_)) => vec![Line::styled("…", dim())],
        (None, None) => vec![Line::styled("No user of this scope is present.", dim())],
    };
    let hidden = lines.len().saturating_sub(inner.height.into());
    let visible: Vec<Line<'static>> = lines.into_iter().skip(model.scroll_offset.min(hidden)).collect();
    frame.render_widget(Paragraph::new(visible).block(block), area);
}

/// Why, what would change it, the sessions, and the timeline.
fn render_report(report: &UserReport, width: usize) -> Vec<Line<'static>> {
    let heading = |text: &'static str| [Line::default(), Line::styled(text, bold())];
    let sentences = |texts: &[String], style: Style| -> Vec<Line<'static>> {
        let lines = texts.iter().flat_map(|text| wrap(&sanitize(text), width));
        lines.map(|line| Line::styled(line, style)).collect()
    };
    let explanation = &report.explanation;
    let mut lines = sentences(&explanation.reasons, Style::new());
    lines.extend(sentences(&explanation.would_change, dim()));
    if !explanation.sessions.is_empty() {
        lines.extend(heading("Sessions"));
        lines.extend(explanation.sessions.iter().map(render_session));
    }
    lines.extend(heading("Timeline (UTC)"));
    lines.extend(report.changes.iter().map(render_change));
    if report.changes.is_empty() {
        lines.push(Line::styled("No change is kept.", dim()));
    }
    lines
}

fn render_session(session: &UserSession) -> Line<'static> {
    let activity = if session.active { "active" } else { "idle" };
    Line::from(vec![
        Span::styled(format!("{} ", render_time(&session.last_seen_at)), dim()),
        Span::raw(format!("{} {activity}", sanitize(&session.id))),
    ])
}

fn render_change(change: &UserChange) -> Line<'static> {
    let UserChange { status, previous, occurred_at, cause } = change;
    let what = match previous == status {
        true => format!(" {}, announced again", sanitize(status)),
        false => format!(" {} → {}", sanitize(previous), sanitize(status)),
    };
    let cause = cause.as_deref().map(|cause| format!("  {}", sanitize(cause))).unwrap_or_default();
    let at = Span::styled(format!("{} ", render_time(occurred_at)), dim());
    Line::from(vec![at, mark(status), Span::raw(what), Span::styled(cause, dim())])
}
