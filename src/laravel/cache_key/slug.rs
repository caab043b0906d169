//! `Str::slug`, for the prefixes made of `APP_NAME`.

/// The spelling of Latin letters in ASCII, as voku/portable-ascii has it for English; other scripts
/// are not spelled.
const SPELLINGS: [(&str, &str); 32] = [
    ("ªàáâãäåāăą", "a"),
    ("¢çćĉċč", "c"),
    ("ðďđ", "d"),
    ("èéêëēĕėęě", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķĸ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŉŋ", "n"),
    ("ºòóôõöøōŏő", "o"),
    ("ŕŗř", "r"),
    ("śŝşšſ", "s"),
    ("ţťŧ", "t"),
    ("ùúûüũūŭůűų", "u"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
    ("æ", "ae"),
    ("ĳ", "ij"),
    ("œ", "oe"),
    ("þ", "th"),
    ("ß", "ss"),
    ("¹", "1"),
    ("²", "2"),
    ("³", "3"),
    ("£", "ps"),
    ("¥", "yen"),
    ("€", "eur"),
    ("–—", "-"),
    ("\u{a0}", " "),
];

/// Laravel's `Str::slug`: ASCII letters and digits in lower case, with single separators (`-` or
/// `_`) for spaces, hyphens and underscores; anything else is left out.
///
/// Letters outside Latin-1 and Latin Extended-A are left out too, where Laravel spells them: an
/// application named in another script should state its prefixes.
pub fn slug(title: &str, separator: char) -> String {
    let mut words = Words { out: String::with_capacity(title.len()), separator, pending: false };
    for character in title.chars().flat_map(char::to_lowercase) {
        match SPELLINGS.iter().find(|(letters, _)| letters.contains(character)) {
            Some((_, spelling)) => spelling.chars().for_each(|letter| words.push(letter)),
            None => words.push(character),
        }
    }
    words.out
}

struct Words {
    out: String,
    separator: char,
    /// A separator is due before the next letter.
    pending: bool,
}

impl Words {
    fn push(&mut self, character: char) {
        match character {
            '@' => " at ".chars().for_each(|letter| self.push(letter)),
            'a'..='z' | '0'..='9' => {
                if std::mem::take(&mut self.pending) && !self.out.is_empty() {
                    self.out.push(self.separator);
                }
                self.out.push(character);
            }
            '-' | '_' => self.pending = true,
            _ if character.is_ascii_whitespace() || character == '\u{b}' => self.pending = true,
            _ => {}
        }
    }
}
