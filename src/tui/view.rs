//! Draws the model. Keeps no state between frames.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, List, ListItem, ListState, Paragraph};

use super::conversation::ConversationLine;
use super::model::{Model, Notice};
use super::wrap::wrap;
use crate::client::{ClientRow, sanitize};

const KEYS: &str = " ↑↓ client  PgUp PgDn scroll  Enter publish  Esc clear  Ctrl-C quit";

/// Minimum width of the terminal that shows the list of clients beside the conversation.
pub(super) const MIN_LIST_WIDTH: u16 = 50;

/// The number of characters of an id beside a name.
const SHORT_ID: usize = 8;

/// Minimum height of the terminal that shows the keys below the prompt.
pub(super) const MIN_FOOT_HEIGHT: u16 = 9;

/// Draws the model.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
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
    let [clients, conversation] = Layout::horizontal([Constraint::Length(list), Constraint::Min(0)]).areas(middle);
    draw_head(model, frame, head);
    draw_clients(model, frame, clients);
    draw_conversation(model, frame, conversation);
    draw_prompt(model, frame, prompt);
    draw_notice(&model.notice, frame, notice);
    frame.render_widget(Line::styled(KEYS, dim()), keys);
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn draw_head(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let online = model.clients.iter().filter(|client| client.is_online()).count();
    let summary = format!("{} clients, {online} online ", model.clients.len());
    let address = format!(" {}", sanitize(&model.address));
    // Where both do not fit beside each other, the address is left out.
    if address.chars().count() + summary.chars().count() < area.width.into() {
        frame.render_widget(Line::styled(address, bold()), area);
    }
    frame.render_widget(Line::raw(summary).right_aligned(), area);
}

fn draw_clients(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let items = model.clients.iter().map(|client| ListItem::new(render_client(client)));
    let selected = Style::new().add_modifier(Modifier::REVERSED);
    let list = List::new(items).block(Block::bordered().title(" Clients ")).highlight_style(selected);
    frame.render_stateful_widget(list, area, &mut ListState::default().with_selected(model.selected_index()));
}

fn render_client(client: &ClientRow) -> Line<'static> {
    let mark = match client.is_online() {
        true => Span::styled("● ", Style::new().fg(Color::Green)),
        false => Span::styled("○ ", dim()),
    };
    let id = if client.title() == client.id { "" } else { client.id.get(..SHORT_ID).unwrap_or(&client.id) };
    Line::from(vec![mark, Span::raw(sanitize(client.title())), Span::styled(format!(" {}", sanitize(id)), dim())])
}

fn draw_conversation(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let title = match model.selected.as_deref() {
        Some(id) if model.title(id) == id => format!(" {} ", sanitize(id)),
        Some(id) => format!(" {} {} ", sanitize(model.title(id)), sanitize(id)),
        None => " No client ".to_owned(),
    };
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let mut lines: Vec<Line<'static>> =
        model.conversation().iter().flat_map(|line| render_message(model, line, inner.width.into())).collect();
    if lines.is_empty() {
        let placeholder = match (model.selected.is_some(), model.is_loading()) {
            (false, _) => "",
            (true, true) => "…",
            (true, false) => "No messages yet.",
        };
        lines.push(Line::styled(placeholder, dim()));
    }
    let height = usize::from(inner.height);
    let end = lines.len() - model.scroll_offset.min(lines.len().saturating_sub(height));
    let visible = lines.drain(end.saturating_sub(height)..end).collect::<Vec<_>>();
    frame.render_widget(Paragraph::new(visible).block(block), area);
}

/// Renders a message: a line with time, sender and type, and below it the wrapped text.
fn render_message(model: &Model, line: &ConversationLine, width: usize) -> Vec<Line<'static>> {
    let sender = match (&line.from, line.own) {
        (_, true) if line.to.is_empty() => "◂ sent".to_owned(),
        (_, true) => {
            let names: Vec<String> = line.to.iter().map(|id| sanitize(model.title(id))).collect();
            format!("◂ sent to {}", names.join(", "))
        }
        (None, false) => "▸ application".to_owned(),
        (Some(from), false) => format!("▸ from {}", sanitize(model.title(from))),
    };
    let color = if line.own { Color::Cyan } else { Color::Yellow };
    let head = vec![
        Span::styled(format!("{} ", line.at), dim()),
        Span::styled(sender, Style::new().fg(color)),
        Span::styled(format!(" {}", line.kind), dim()),
    ];
    let text = wrap(&line.text, width.saturating_sub(2)).into_iter().map(|text| Line::raw(format!("  {text}")));
    std::iter::once(Line::from(head)).chain(text).collect()
}

fn draw_prompt(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let title = match (model.selected.as_deref(), model.may_publish()) {
        (_, false) => " Read only: set ADMIN_TOKEN to publish ".to_owned(),
        (Some(id), true) => format!(" Publish to {} ", sanitize(model.title(id))),
        (None, true) => " Publish ".to_owned(),
    };
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let (text, column) = model.prompt.window(inner.width.saturating_sub(2).into());
    frame.render_widget(Paragraph::new(format!("> {text}")).block(block), area);
    if !inner.is_empty() {
        let column = u16::try_from(column).unwrap_or_default().saturating_add(2).min(inner.width - 1);
        frame.set_cursor_position(Position::new(inner.x + column, inner.y));
    }
}

pub(super) fn draw_notice(notice: &Notice, frame: &mut Frame<'_>, area: Rect) {
    let line = match notice {
        Notice::None => Line::default(),
        Notice::Info(text) => Line::styled(format!(" {}", sanitize(text)), dim()),
        Notice::Error(text) => Line::styled(format!(" {}", sanitize(text)), Style::new().fg(Color::Red)),
    };
    frame.render_widget(line, area);
}
