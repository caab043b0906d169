//! Lines, and entries of several lines, after phpdotenv's `Parser\Lines`.

/// The raw entries of a file with the number of their first line, without blank lines and comments.
pub(super) fn entries(text: &str) -> Vec<(usize, String)> {
    let mut entries = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(split(text)) {
        let starts = starts_multiline(line);
        let entry = match open.take() {
            Some((first, before)) => {
                let joined = format!("{before}\n{line}");
                if !ends_multiline(line, starts) {
                    open = Some((first, joined));
                    continue;
                }
                (first, joined)
            }
            None if starts => {
                open = Some((number, line.to_owned()));
                continue;
            }
            None => (number, line.to_owned()),
        };
        let trimmed = super::entry::trim(&entry.1);
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            entries.push(entry);
        }
    }
    entries
}

/// Splits at `\r\n`, `\n` and `\r`.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| {
        let mut parts = line.split('\r').collect::<Vec<_>>();
        if parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty()) {
            parts.pop();
        }
        parts
    })
}

fn starts_multiline(line: &str) -> bool {
    line.contains("=\"") && !ends_multiline(line, true)
}

/// Whether the line has a closing quote: a second one, if it also has the opening one.
fn ends_multiline(line: &str, starts: bool) -> bool {
    if line == "\"" {
        return true;
    }
    let line = line.replace("\\\\", "");
    let quotes = line.as_bytes().windows(2).filter(|pair| pair[0] != b'\\' && pair[1] == b'"').count();
    quotes > usize::from(starts)
}
