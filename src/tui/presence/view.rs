//! Draws the model. Keeps no state between frames.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, List, ListItem, ListState, Paragraph};

use super::model::{PresenceModel, StatusFilter};
use crate::client::{UserChange, UserReport, UserSession, sanitize};
use crate::tui::view::{MIN_FOOT_HEIGHT, MIN_LIST_WIDTH, bold, dim, draw_notice};
use crate::tui::wrap::wrap;

const KEYS: &str = " ↑↓ user  ←→ page  Tab filter  PgUp PgDn scroll  Enter open  Ctrl-C quit";

/// Draws the model.
pub fn draw_presence(model: &PresenceModel, frame: &mut Frame<'_>) {
    let foot = u16::from(frame.area().height >= MIN_FOOT_HEIGHT);
    let rows = [
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(3),
        Constraint::Length(1),
        Constraint::Length(foot),
    ];
    let [head, middle, prompt, notice, keys] = Layout::vertical(rows).areas(frame.area());
    let list = if middle.width < MIN_LIST_WIDTH { 0 } else { (middle.width / 3).min(30) };
    let [users, report] = Layout::horizontal([Constraint::Length(list), Constraint::Min(0)]).areas(middle);
    draw_head(model, frame, head);
    draw_users(model, frame, users);
    draw_report(model, frame, report);
    draw_prompt(model, frame, prompt);
    draw_notice(&model.notice, frame, notice);
    frame.render_widget(Line::styled(KEYS, dim()), keys);
}

fn draw_head(model: &PresenceModel, frame: &mut Frame<'_>, area: Rect) {
    let summary = format!("{} online, {} away ", model.page.online, model.page.away);
    let scope = if model.scope.is_empty() { String::new() } else { format!("  {}", sanitize(&model.scope)) };
    let address = format!(" {}{scope}", sanitize(&model.address));
    // Where both do not fit beside each other, the address is left out.
    if address.chars().count() + summary.chars().count() < area.width.into() {
        frame.render_widget(Line::styled(address, bold()), area);
    }
    frame.render_widget(Line::raw(summary).right_aligned(), area);
}

fn draw_users(model: &PresenceModel, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let items = model.page.users.iter().map(|user| {
        ListItem::new(Line::from(vec![mark(&user.status), Span::raw(format!(" {}", sanitize(&user.id())))]))
    });
    let filter = match model.filter() {
        StatusFilter::All => "Present",
        StatusFilter::Online => "Online",
        StatusFilter::Away => "Away",
    };
    let more = if model.page.next.is_some() { " →" } else { "" };
    let title = match model.page_number() {
        1 => format!(" {filter}{more} "),
        number => format!(" {filter}, page {number}{more} "),
    };
    let selected = Style::new().add_modifier(Modifier::REVERSED);
    let list = List::new(items).block(Block::bordered().title(title)).highlight_style(selected);
    frame.render_stateful_widget(list, area, &mut ListState::default().with_selected(model.selected_index()));
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
        Span::styled(format!("{} ", format_time(&session.last_seen_at)), dim()),
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
    let at = Span::styled(format!("{} ", format_time(occurred_at)), dim());
    Line::from(vec![at, mark(status), Span::raw(what), Span::styled(cause, dim())])
}

/// Formats `2026-03-04T05:06:07.000000Z` without `T`, fraction and offset.
fn format_time(time: &str) -> String {
    sanitize(time).replacen('T', " ", 1).chars().take("2026-03-04 05:06:07".len()).collect()
}

fn draw_prompt(model: &PresenceModel, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::bordered().title(" Open a user by id ");
    let inner = block.inner(area);
    let (text, column) = model.prompt.window(inner.width.saturating_sub(2).into());
    frame.render_widget(Paragraph::new(format!("> {text}")).block(block), area);
    if !inner.is_empty() {
        let column = u16::try_from(column).unwrap_or_default().saturating_add(2).min(inner.width - 1);
        frame.set_cursor_position(Position::new(inner.x + column, inner.y));
    }
}
