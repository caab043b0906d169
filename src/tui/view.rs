//! Draws the model. Keeps no state between frames.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::conversation::ConversationLine;
use super::model::Model;
use super::parts::{Areas, dim, draw_head, draw_list, draw_notice, draw_prompt};
use super::wrap::wrap;
use crate::client::{ClientRow, sanitize};

const KEYS: &str = " ↑↓ client  PgUp PgDn scroll  Enter publish  Esc clear  Ctrl-C quit";

/// The number of characters of an id beside a name.
const SHORT_ID: usize = 8;

/// Draws the model.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let areas = Areas::of(frame);
    let online = model.clients.iter().filter(|client| client.is_online()).count();
    let summary = format!("{} clients, {online} online ", model.clients.len());
    draw_head(format!(" {}", sanitize(&model.address)), summary, frame, areas.head);
    let clients = model.clients.iter().map(render_client);
    draw_list(clients, " Clients ".to_owned(), model.selected_index(), frame, areas.list);
    draw_conversation(model, frame, areas.content);
    draw_prompt(prompt_title(model), &model.prompt, frame, areas.prompt);
    draw_notice(&model.notice, frame, areas.notice);
    frame.render_widget(Line::styled(KEYS, dim()), areas.keys);
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

fn prompt_title(model: &Model) -> String {
    match (model.selected.as_deref(), model.may_publish()) {
        (_, false) => " Read only: set ADMIN_TOKEN to publish ".to_owned(),
        (Some(id), true) => format!(" Publish to {} ", sanitize(model.title(id))),
        (None, true) => " Publish ".to_owned(),
    }
}
