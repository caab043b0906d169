//! Scalars.

use super::{Parser, Stop, decimal};
use crate::php::value::Value;

/// The double of a token between `d:` and `;`.
pub(in crate::php) fn float(token: &[u8]) -> Option<f64> {
    match token {
        b"NAN" => Some(f64::NAN),
        b"INF" => Some(f64::INFINITY),
        b"-INF" => Some(f64::NEG_INFINITY),
        _ if decimal::is_decimal(token) => std::str::from_utf8(token).ok()?.parse().ok(),
        _ => None,
    }
}

impl<'a> Parser<'a> {
    /// Reads a scalar after its type letter; array keys are scalars, too.
    pub(super) fn scalar(&mut self, kind: u8) -> Result<Value, Stop> {
        if kind == b'N' {
            self.expect(b";")?;
            return Ok(Value::Null);
        }
        self.expect(b":")?;
        match kind {
            b'b' => self.bool(),
            b'i' => Ok(Value::Int(self.int()?)),
            b'd' => self.float(),
            b's' => Ok(Value::String(self.string()?)),
            b'S' => Ok(Value::String(self.escaped_string()?)),
            _ => self.malformed(),
        }
    }

    fn bool(&mut self) -> Result<Value, Stop> {
        let flag = match self.byte()? {
            b'0' => false,
            b'1' => true,
            _ => return self.malformed(),
        };
        self.expect(b";")?;
        Ok(Value::Bool(flag))
    }

    /// `[+-]?[0-9]+;`, clamped to 64 bits as `parse_iv2` does.
    fn int(&mut self) -> Result<i64, Stop> {
        let token = self.until(b';')?;
        let digits = token.strip_prefix(b"-").or_else(|| token.strip_prefix(b"+")).unwrap_or(token);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return self.malformed();
        }
        let negative = token[0] == b'-';
        let number = digits.iter().try_fold(0_i64, |number, digit| {
            let digit = i64::from(digit - b'0');
            number.checked_mul(10)?.checked_add(if negative { -digit } else { digit })
        });
        Ok(number.unwrap_or(if negative { i64::MIN } else { i64::MAX }))
    }

    fn float(&mut self) -> Result<Value, Stop> {
        let token = self.until(b';')?;
        float(token).map_or_else(|| self.malformed(), |number| Ok(Value::Float(number)))
    }

    /// `len:"…";` with `len` raw bytes.
    fn string(&mut self) -> Result<Vec<u8>, Stop> {
        let text = self.quoted()?;
        self.expect(b";")?;
        self.spend(text.len())?;
        Ok(text.to_vec())
    }

    /// `len:"…"` with `len` raw bytes.
    pub(super) fn quoted(&mut self) -> Result<&'a [u8], Stop> {
        let len = self.length()?;
        self.expect(b":\"")?;
        let bytes = self.bytes;
        let Some(text) = self.at.checked_add(len).and_then(|end| bytes.get(self.at..end)) else {
            return self.malformed();
        };
        self.at += len;
        self.expect(b"\"")?;
        Ok(text)
    }

    /// `len:"…";` with `len` characters, each a byte or `\hh`.
    fn escaped_string(&mut self) -> Result<Vec<u8>, Stop> {
        let len = self.length()?;
        self.expect(b":\"")?;
        let mut text = Vec::with_capacity(len.min(self.bytes.len() - self.at));
        for _ in 0..len {
            let byte = match self.byte()? {
                b'\\' => (self.hex_digit()? << 4) | self.hex_digit()?,
                byte => byte,
            };
            text.push(byte);
        }
        self.expect(b"\";")?;
        self.spend(text.len())?;
        Ok(text)
    }

    fn hex_digit(&mut self) -> Result<u8, Stop> {
        match self.byte()? {
            digit @ b'0'..=b'9' => Ok(digit - b'0'),
            digit @ b'a'..=b'f' => Ok(digit - b'a' + 10),
            digit @ b'A'..=b'F' => Ok(digit - b'A' + 10),
            _ => self.malformed(),
        }
    }
}
