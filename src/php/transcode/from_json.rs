//! From JSON to PHP's serialize format and to canonical JSON.

use super::{MAX_DEPTH, Names, is_integer, write_text};
use crate::php::key;
use crate::php::serialize::{serialize_float_into, serialize_str_into};

/// The maximum length of a number.
const MAX_NUMBER_LEN: usize = 40;

/// Converts a JSON object or array to PHP's serialize format and to canonical JSON; `None` if the fast path does not
/// support it.
///
/// [`decode`](crate::php::json::decode) and serde support any JSON, with the same result.
pub fn from_json(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let room = text.len() + 16;
    // The second buffer has capacity for both, for callers that concatenate them.
    let (php, json) = (Vec::with_capacity(room + room / 2), Vec::with_capacity(2 * room + room / 2));
    let mut transcoder = Transcoder { text, at: 0, php, json };
    match transcoder.next()? {
        b'{' | b'[' => transcoder.value(MAX_DEPTH)?,
        _ => return None,
    }
    transcoder.next().is_none().then_some((transcoder.php, transcoder.json))
}

struct Transcoder<'a> {
    text: &'a str,
    at: usize,
    php: Vec<u8>,
    json: Vec<u8>,
}

impl<'a> Transcoder<'a> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.string(),
            b'{' => self.array(depth.checked_sub(1)?, b'}', Self::entry),
            b'[' => self.array(depth.checked_sub(1)?, b']', Self::element),
            b'n' => self.literal("null", b"N;"),
            b't' => self.literal("true", b"b:1;"),
            b'f' => self.literal("false", b"b:0;"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, word: &str, php: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then_some(())?;
        self.at += word.len();
        self.php.extend_from_slice(php);
        self.json.extend_from_slice(word.as_bytes());
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let of_number = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.iter().take(MAX_NUMBER_LEN).take_while(of_number).count();
        let token = &self.text[self.at..self.at + len];
        self.at += len;
        if is_integer(token.as_bytes()) {
            self.php.extend_from_slice(b"i:");
            self.php.extend_from_slice(token.as_bytes());
            self.php.push(b';');
            self.json.extend_from_slice(token.as_bytes());
            return Some(());
        }
        // An integer that may not fit 64 bits is left to the general decoder.
        token.contains(['.', 'e', 'E']).then_some(())?;
        let number: f64 = serde_json::from_str(token).ok()?;
        serialize_float_into(number, &mut self.php);
        serde_json::to_writer(&mut self.json, &number).ok()
    }

    fn string(&mut self) -> Option<()> {
        let (raw, escaped) = self.raw_string()?;
        if !escaped {
            serialize_str_into(raw.as_bytes(), &mut self.php);
            self.quote(raw);
            return Some(());
        }
        let text: String = serde_json::from_str(&self.text[self.at - raw.len() - 2..self.at]).ok()?;
        serialize_str_into(text.as_bytes(), &mut self.php);
        write_text(&text, &mut self.json)
    }

    /// Reads a string; returns the text between the quotes, and whether it has escapes.
    fn raw_string(&mut self) -> Option<(&'a str, bool)> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let (mut end, mut escaped) = (start, false);
        loop {
            match bytes.get(end)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    end += 2;
                }
                0..0x20 => return None,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        Some((self.text.get(start..end)?, escaped))
    }

    fn quote(&mut self, raw: &str) {
        self.json.push(b'"');
        self.json.extend_from_slice(raw.as_bytes());
        self.json.push(b'"');
    }

    /// Reads an array or object up to `end`; `read` reads the key of each element.
    fn array(
        &mut self,
        depth: usize,
        end: u8,
        read: impl Fn(&mut Self, usize, &mut Names<'a>) -> Option<()>,
    ) -> Option<()> {
        let (json_start, count_at) = (self.json.len(), self.php.len() + 2);
        self.json.push(self.text.as_bytes()[self.at]);
        self.php.extend_from_slice(b"a:0:{");
        self.at += 1;
        let (mut names, mut count) = (Names::default(), 0);
        while self.next()? != end {
            if count > 0 {
                self.eat(b',')?;
                self.json.push(b',');
            }
            read(self, count, &mut names)?;
            self.value(depth)?;
            count += 1;
        }
        self.at += 1;
        self.php.push(b'}');
        self.json.push(end);
        if count == 0 {
            self.json.truncate(json_start);
            self.json.extend_from_slice(b"[]");
        }
        self.set_count(count_at, count);
        Some(())
    }

    /// Writes the key of a list element, which JSON does not have.
    fn element(&mut self, position: usize, _names: &mut Names<'a>) -> Option<()> {
        // Rejects a trailing comma.
        (self.next()? != b']').then_some(())?;
        self.php.extend_from_slice(b"i:");
        serde_json::to_writer(&mut self.php, &position).ok()?;
        self.php.push(b';');
        Some(())
    }

    /// Reads a name and its colon.
    fn entry(&mut self, position: usize, names: &mut Names<'a>) -> Option<()> {
        (self.next()? == b'"').then_some(())?;
        let (name, escaped) = self.raw_string()?;
        if escaped {
            return None;
        }
        names.add(name.as_bytes())?;
        match key::integer(name.as_bytes()) {
            // The array may be a list.
            Some(0) if position == 0 => return None,
            Some(_) => {
                self.php.extend_from_slice(b"i:");
                self.php.extend_from_slice(name.as_bytes());
                self.php.push(b';');
            }
            None => serialize_str_into(name.as_bytes(), &mut self.php),
        }
        self.quote(name);
        self.next()?;
        self.eat(b':')?;
        self.json.push(b':');
        Some(())
    }

    /// Writes the number of elements over the digit at `position`.
    fn set_count(&mut self, position: usize, count: usize) {
        match u8::try_from(count) {
            Ok(digit @ 0..10) => self.php[position] = b'0' + digit,
            _ => _ = self.php.splice(position..=position, count.to_string().into_bytes()),
        }
    }

    /// Skips white space; returns the next byte without consuming it.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at)? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(*byte),
            }
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.text.as_bytes().get(self.at) == Some(&byte)).then(|| self.at += 1)
    }
}
