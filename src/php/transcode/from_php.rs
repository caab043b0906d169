//! From PHP's serialize format to JSON.

use super::{MAX_DEPTH, Names, is_integer, is_plain, write_text};
use crate::php::key;
use crate::php::serialize::{MAX_BYTES, serialize_float_into};
use crate::php::unserialize::float;

/// Appends the JSON form of the serialized array at the start of `bytes`, and returns the length of that array in bytes.
///
/// The array is then in the form that [`serialize`](crate::php::serialize::serialize) writes. Returns `None`, with `out`
/// unchanged, if the fast path does not support it.
pub fn from_php(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    if bytes.len() > MAX_BYTES || !bytes.starts_with(b"a:") {
        return None;
    }
    let (mut reader, before) = (Reader { bytes, at: 0 }, out.len());
    if reader.value(out, MAX_DEPTH).is_none() {
        out.truncate(before);
        return None;
    }
    Some(reader.at)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let kind = self.bytes.get(self.at..self.at + 2)?;
        self.at += 2;
        match kind {
            b"s:" => write_string(self.string()?, out)?,
            b"i:" => out.extend_from_slice(self.integer()?),
            b"a:" => self.array(out, depth.checked_sub(1)?)?,
            b"N;" => out.extend_from_slice(b"null"),
            b"b:" => out.extend_from_slice(self.bool()?),
            b"d:" => self.float(out)?,
            _ => return None,
        }
        Some(())
    }

    fn bool(&mut self) -> Option<&'static [u8]> {
        let text: &[u8] = match self.bytes.get(self.at..self.at + 2)? {
            b"0;" => b"false",
            b"1;" => b"true",
            _ => return None,
        };
        self.at += 2;
        Some(text)
    }

    fn float(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let token = self.until_semicolon()?;
        let number = float(token)?;
        let mut canonical = Vec::with_capacity(32);
        serialize_float_into(number, &mut canonical);
        if canonical.strip_prefix(b"d:").and_then(|rest| rest.strip_suffix(b";")) != Some(token) {
            return None;
        }
        if !number.is_finite() {
            out.push(b'0');
            return Some(());
        }
        serde_json::to_writer(out, &number).ok()
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let len = self.length()?;
        self.expect(b":{")?;
        let list = len == 0 || self.bytes[self.at..].starts_with(b"i:0;");
        out.push(if list { b'[' } else { b'{' });
        let mut names = Names::default();
        for position in 0..len {
            if position > 0 {
                out.push(b',');
            }
            if list {
                self.position(position)?;
            } else {
                names.add(self.name(out)?)?;
            }
            self.value(out, depth)?;
        }
        out.push(if list { b']' } else { b'}' });
        self.expect(b"}")
    }

    /// Reads the key of a list element.
    fn position(&mut self, expected: usize) -> Option<()> {
        self.expect(b"i:")?;
        (self.length()? == expected).then_some(())?;
        self.expect(b";")
    }

    /// Reads the key of an element of any other array; appends it and a colon to `out`.
    fn name(&mut self, out: &mut Vec<u8>) -> Option<&'a [u8]> {
        let kind = self.bytes.get(self.at..self.at + 2)?;
        self.at += 2;
        let name = match kind {
            b"s:" => {
                let name = self.string()?;
                // In canonical form the key would be an integer.
                if key::integer(name).is_some() {
                    return None;
                }
                write_string(name, out)?;
                name
            }
            b"i:" => {
                let name = self.integer()?;
                write_plain(name, out);
                name
            }
            _ => return None,
        };
        out.push(b':');
        Some(name)
    }

    fn integer(&mut self) -> Option<&'a [u8]> {
        self.until_semicolon().filter(|token| is_integer(token))
    }

    /// `len:"…";`
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.length()?;
        self.expect(b":\"")?;
        let text = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        self.expect(b"\";")?;
        Some(text)
    }

    /// Reads a length in canonical form. Inputs are small, so it has few digits.
    fn length(&mut self) -> Option<usize> {
        let rest = &self.bytes[self.at..];
        let digits = rest.iter().take(8).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits == 8 || (rest[0] == b'0' && digits > 1) {
            return None;
        }
        self.at += digits;
        Some(rest[..digits].iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
    }

    fn until_semicolon(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take(40).position(|&byte| byte == b';')?;
        self.at += len + 1;
        Some(&rest[..len])
    }

    fn expect(&mut self, expected: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(expected).then(|| self.at += expected.len())
    }
}

fn write_string(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if is_plain(text) {
        write_plain(text, out);
        return Some(());
    }
    write_text(std::str::from_utf8(text).ok()?, out)
}

fn write_plain(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 3);
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}
