//! What all full-screen views have: a head, a list beside its content, a prompt, a notice and the keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, List, ListItem, ListState, Paragraph};

use super::model::Notice;
use super::prompt::Prompt;
use crate::client::sanitize;

/// Minimum width of the terminal that shows the list beside its content.
const MIN_LIST_WIDTH: u16 = 50;

/// Minimum height of the terminal that shows the keys below the prompt.
const MIN_FOOT_HEIGHT: u16 = 9;

/// The parts of the screen.
pub(super) struct Areas {
    pub(super) head: Rect,
    /// Empty where the terminal is narrow.
    pub(super) list: Rect,
    pub(super) content: Rect,
    pub(super) prompt: Rect,
    pub(super) notice: Rect,
    /// Empty where the terminal is low.
    pub(super) keys: Rect,
}

impl Areas {
    /// Divides the screen.
    pub(super) fn of(frame: &Frame<'_>) -> Self {
        let foot = u16::from(frame.area().height >= MIN_FOOT_HEIGHT);
        let rows = [
            Constraint::Length(1),
            Constraint::Min(3),
            Constraint::Length(3),
            Constraint::Length(1),
            Constraint::Length(foot),
        ];
        let [head, middle, prompt, notice, keys] = Layout::vertical(rows).areas(frame.area());
        let width = if middle.width < MIN_LIST_WIDTH { 0 } else { (middle.width / 3).min(30) };
        let [list, content] = Layout::horizontal([Constraint::Length(width), Constraint::Min(0)]).areas(middle);
        Self { head, list, content, prompt, notice, keys }
    }
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Draws the address on the left and a summary on the right. Where both do not fit beside each other, the address is left out.
pub(super) fn draw_head(address: String, summary: String, frame: &mut Frame<'_>, area: Rect) {
    if address.chars().count() + summary.chars().count() < area.width.into() {
        frame.render_widget(Line::styled(address, bold()), area);
    }
    frame.render_widget(Line::raw(summary).right_aligned(), area);
}

/// Draws the list with the selected item.
pub(super) fn draw_list(
    items: impl Iterator<Item = Line<'static>>,
    title: String,
    selected: Option<usize>,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let highlight = Style::new().add_modifier(Modifier::REVERSED);
    let list = List::new(items.map(ListItem::new)).block(Block::bordered().title(title)).highlight_style(highlight);
    frame.render_stateful_widget(list, area, &mut ListState::default().with_selected(selected));
}

/// Draws the prompt with its cursor.
pub(super) fn draw_prompt(title: String, prompt: &Prompt, frame: &mut Frame<'_>, area: Rect) {
    let block = Block::bordered().title(title);
    let inner = block.inner(area);
    let (text, column) = prompt.window(inner.width.saturating_sub(2).into());
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
