//! `Str::slug`, for the prefixes that are derived from `APP_NAME`.

/// The transliteration of Latin letters to ASCII, of voku/portable-ascii for English; other scripts are not included.
const TRANSLITERATIONS: [(&str, &str); 38] = [
    ("ªàáâãäåāăąǎǻȧạảấầẩẫậắằẳẵặ", "a"),
    ("¢çćĉċčȼ", "c"),
    ("ðďđ", "d"),
    ("èéêëēĕėęěȩɇẹẻẽếềểễệ", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįıǐỉị", "i"),
    ("ĵǰɉ", "j"),
    ("ķĸ", "k"),
    ("ĺļľŀłƚḷ", "l"),
    ("ñńņňŉŋǹṅṇ", "n"),
    ("ºòóôõöøōŏőơǒǫǿȯọỏốồổỗộớờởỡợ", "o"),
    ("ŕŗř", "r"),
    ("śŝşšſșṡṣ", "s"),
    ("ţťŧțṫṭẗ", "t"),
    ("ùúûüũūŭůűųưǔǖǘǚǜụủứừửữự", "u"),
    ("ŵẁẃẅ", "w"),
    ("ýÿŷȳɏẏỳỵỷỹ", "y"),
    ("źżžƶẑẓ", "z"),
    ("æǽ", "ae"),
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
    ("ȸ", "db"),
    ("ǳ", "dz"),
    ("ƒ", "f"),
    ("ǉ", "lj"),
    ("ǌ", "nj"),
    ("ȹ", "qp"),
];

/// Laravel's `Str::slug`: ASCII letters and digits in lower case, with single separators (`-` or
/// `_`) for spaces, hyphens and underscores; drops anything else.
///
/// Drops letters of other scripts than Latin too, which Laravel transliterates: an application with such a name must set
/// its prefixes. See [`drops_letters`].
pub fn slug(title: &str, separator: char) -> String {
    let mut words = Words { out: String::with_capacity(title.len()), separator, pending: false };
    for character in title.chars().flat_map(char::to_lowercase) {
        match TRANSLITERATIONS.iter().find(|(letters, _)| letters.contains(character)) {
            Some((_, letters_in_ascii)) => letters_in_ascii.chars().for_each(|letter| words.push(letter)),
            None => words.push(character),
        }
    }
    words.out
}

/// Whether `title` has a letter or digit that [`slug`] drops.
pub fn drops_letters(title: &str) -> bool {
    let is_known = |character: char| TRANSLITERATIONS.iter().any(|(letters, _)| letters.contains(character));
    let is_dropped = |character: char| character.is_alphanumeric() && !character.is_ascii() && !is_known(character);
    title.chars().flat_map(char::to_lowercase).any(is_dropped)
}

struct Words {
    out: String,
    separator: char,
    /// Whether a separator comes before the next letter.
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
