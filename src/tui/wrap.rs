//! Line wrapping.

use super::prompt::columns;

/// Wraps a text into lines of at most `width` columns, at spaces where possible. Returns at least one line.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for character in text.chars() {
        if used + columns(character) > width {
            let rest = match line.rfind(' ').filter(|_| character != ' ') {
                Some(space) => line.split_off(space + 1),
                None => String::new(),
            };
            lines.push(std::mem::replace(&mut line, rest));
            used = line.chars().map(columns).sum();
            if character == ' ' {
                continue;
            }
        }
        line.push(character);
        used += columns(character);
    }
    lines.push(line);
    lines
}
