//! One entry, after phpdotenv's `Parser\EntryParser` and `Loader\Resolver`.

/// A name, and the value after its `=`, if there is one.
pub(super) struct Entry {
    pub name: String,
    pub value: Option<Template>,
}

/// A value before `${NAME}` is expanded.
#[derive(Default)]
pub(super) struct Template {
    text: String,
    /// The positions of `$` that may begin a variable.
    dollars: Vec<usize>,
}

/// Reads `NAME=value`, `export NAME=value` or `NAME`.
pub(super) fn parse(raw: &str) -> Result<Entry, &'static str> {
    let (name, value) = match raw.split_once('=') {
        Some((name, value)) => (trim(name), Some(trim(value))),
        None => (raw, None),
    };
    if name.is_empty() {
        return Err("an unexpected equals");
    }
    Ok(Entry { name: parse_name(name)?, value: value.map(parse_value).transpose()? })
}

/// PHP's `trim`.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\0', '\u{b}'])
}

fn parse_name(name: &str) -> Result<String, &'static str> {
    let exported = name
        .strip_prefix("export")
        .filter(|rest| name.chars().count() > 8 && rest.starts_with(is_space))
        .map(|rest| rest.trim_start_matches([' ', '\t', '\n', '\r', '\0', '\u{b}']));
    let name = exported.unwrap_or(name);
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| name.strip_prefix(quote)?.strip_suffix(quote))
        .filter(|inner| !inner.is_empty());
    let name = unquoted.unwrap_or(name);
    if !name.is_empty() && name.bytes().all(is_name_byte) { Ok(name.to_owned()) } else { Err("an invalid name") }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// `ctype_space`.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Initial,
    Unquoted,
    SingleQuoted,
    DoubleQuoted,
    Escape,
    /// After the value: only spaces and a comment may follow.
    Space,
    Comment,
}

fn parse_value(value: &str) -> Result<Template, &'static str> {
    let mut template = Template::default();
    let mut state = State::Initial;
    for character in value.chars() {
        state = template.push(state, character)?;
    }
    match state {
        State::SingleQuoted | State::DoubleQuoted | State::Escape => Err("a missing closing quote"),
        _ => Ok(template),
    }
}

impl Template {
    fn push(&mut self, state: State, character: char) -> Result<State, &'static str> {
        Ok(match (state, character) {
            (State::Initial, '\'') => State::SingleQuoted,
            (State::Initial, '"') => State::DoubleQuoted,
            (State::Initial | State::Unquoted | State::Space | State::Comment, '#') | (State::Comment, _) => {
                State::Comment
            }
            (State::Unquoted | State::Space, space) if is_space(space) => State::Space,
            (State::Space, _) => return Err("unexpected whitespace"),
            (State::Initial | State::Unquoted, plain) => self.keep(plain, State::Unquoted),
            (State::SingleQuoted, '\'') | (State::DoubleQuoted, '"') => State::Space,
            (State::SingleQuoted, literal) => self.literal(literal, State::SingleQuoted),
            (State::DoubleQuoted, '\\') => State::Escape,
            (State::DoubleQuoted, plain) => self.keep(plain, State::DoubleQuoted),
            (State::Escape, letter) => {
                let meant = escaped(letter).ok_or("an unexpected escape sequence")?;
                self.literal(meant, State::DoubleQuoted)
            }
        })
    }

    fn keep(&mut self, character: char, next: State) -> State {
        if character == '$' {
            self.dollars.push(self.text.len());
        }
        self.literal(character, next)
    }

    fn literal(&mut self, character: char, next: State) -> State {
        self.text.push(character);
        next
    }

    /// Replaces each `${NAME}` for which `variable` returns a value, the last one first, so a name may contain a variable.
    pub(super) fn resolve(self, variable: &dyn Fn(&str) -> Option<String>) -> String {
        let mut text = self.text;
        for &at in self.dollars.iter().rev() {
            let Some((name, _)) = text[at..].strip_prefix("${").and_then(|rest| rest.split_once('}')) else {
                continue;
            };
            if name.is_empty() || !name.bytes().all(is_name_byte) {
                continue;
            }
            if let Some(value) = variable(name) {
                let end = at + "${}".len() + name.len();
                text.replace_range(at..end, &value);
            }
        }
        text
    }
}

fn escaped(letter: char) -> Option<char> {
    Some(match letter {
        '"' | '\\' | '$' => letter,
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        _ => return None,
    })
}
