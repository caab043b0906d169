//! Text in lines of a width.

use super::prompt::columns;

/// The lines that a text takes, broken at blanks where there are any. At least one.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    for letter in text.chars() {
        if used + columns(letter) > width {
            let rest = match line.rfind(' ').filter(|_| letter != ' ') {
                Some(blank) => line.split_off(blank + 1),
                None => String::new(),
            };
            lines.push(std::mem::replace(&mut line, rest));
            used = line.chars().map(columns).sum();
            if letter == ' ' {
                continue;
            }
        }
        line.push(letter);
        used += columns(letter);
    }
    lines.push(line);
    lines
}
