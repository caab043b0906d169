//! `Str::slug`, for the prefixes made of `APP_NAME`.

/// The spelling of Latin letters in ASCII, as voku/portable-ascii has it for English; other scripts
/// are not spelled.
const SPELLINGS: [(&str, &str); 38] = [
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
/// `_`) for spaces, hyphens and underscores; anything else is left out.
///
/// Letters of other scripts than Latin are left out too, where Laravel spells them: an application named so should
/// state its prefixes. [`drops_letters`] tells.
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

/// Whether `title` has a letter or digit that [`slug`] leaves out.
pub fn drops_letters(title: &str) -> bool {
    let spelled = |character: char| SPELLINGS.iter().any(|(letters, _)| letters.contains(character));
    let dropped = |character: char| character.is_alphanumeric() && !character.is_ascii() && !spelled(character);
    title.chars().flat_map(char::to_lowercase).any(dropped)
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
