//! The parser behind [`super::unserialize`]: arrays, objects and references.

mod decimal;
mod scalar;

pub(in crate::php) use self::scalar::float;
use super::error::{MAX_BYTES, MAX_DEPTH, UnserializeError};
use crate::php::key::ArrayKey;
use crate::php::value::{Array, Object, Value};

/// The minimum length of an element in the input (`i:0;N;`), and its cost against [`MAX_BYTES`]: only references can
/// exceed the budget.
const ELEMENT_COST: usize = 6;

/// The maximum capacity that is reserved because of a length in the input.
const TRUSTED_CAPACITY: usize = 64;

/// Why a parser stops.
pub(super) enum Stop {
    /// A reference, in a parser that does not count values.
    Reference,
    Final(UnserializeError),
}

impl From<UnserializeError> for Stop {
    fn from(error: UnserializeError) -> Self {
        Self::Final(error)
    }
}

/// A cursor over a serialized value.
pub(super) struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    budget: usize,
    /// The position of each numbered value; `None` until the first reference.
    slots: Option<Vec<usize>>,
    /// The positions of the values that are being copied.
    copying: Vec<usize>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(bytes: &'a [u8], slots: Option<Vec<usize>>) -> Self {
        Self { bytes, at: 0, depth: 0, budget: MAX_BYTES + ELEMENT_COST, slots, copying: Vec::new() }
    }

    /// Reads the value at the cursor.
    pub(super) fn value(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        let kind = self.byte()?;
        if kind != b'R' && self.copying.is_empty() {
            self.slots.iter_mut().for_each(|slots| slots.push(start));
        }
        self.spend(ELEMENT_COST)?;
        match kind {
            b'a' => self.array(),
            b'O' => self.object(),
            b'E' => self.opaque(start, Self::skip_enum),
            b'C' => self.opaque(start, Self::skip_custom),
            b'r' | b'R' => self.reference(kind),
            _ => self.scalar(kind),
        }
    }

    fn array(&mut self) -> Result<Value, Stop> {
        self.expect(b":")?;
        let len = self.length()?;
        self.expect(b":{")?;
        let elements = self.elements(len, |key| match key {
            Value::Int(number) => Some(ArrayKey::Int(number)),
            Value::String(bytes) => Some(ArrayKey::from(bytes)),
            _ => None,
        })?;
        Ok(Value::Array(elements))
    }

    fn object(&mut self) -> Result<Value, Stop> {
        self.expect(b":")?;
        let class = self.quoted()?;
        if !is_name(class) {
            return self.malformed();
        }
        self.expect(b":")?;
        let len = self.property_count()?;
        self.expect(b":{")?;
        self.spend(class.len())?;
        let properties = self.elements(len, |key| match key {
            Value::Int(number) => Some(ArrayKey::Int(number)),
            // Unchanged: PHP does not normalize the names of properties.
            Value::String(bytes) => Some(ArrayKey::String(bytes)),
            _ => None,
        })?;
        Ok(Value::Object(Object { class: class.to_vec(), properties }))
    }

    /// Reads a value that began at `start`, and keeps its bytes.
    fn opaque(&mut self, start: usize, skip: fn(&mut Self) -> Result<(), Stop>) -> Result<Value, Stop> {
        self.expect(b":")?;
        skip(self)?;
        self.spend(self.at - start)?;
        Ok(Value::Opaque(self.bytes[start..self.at].to_vec()))
    }

    /// `len:"Class:Case";`
    fn skip_enum(&mut self) -> Result<(), Stop> {
        let case = self.quoted()?;
        let separator = case.iter().position(|&byte| byte == b':');
        if !separator.is_some_and(|at| is_name(&case[..at]) && is_name(&case[at + 1..])) {
            return self.malformed();
        }
        self.expect(b";")
    }

    /// `len:"Class":len:{…}`, with any bytes between the braces.
    fn skip_custom(&mut self) -> Result<(), Stop> {
        let class = self.quoted()?;
        if !is_name(class) {
            return self.malformed();
        }
        self.expect(b":")?;
        let len = self.length()?;
        self.expect(b":{")?;
        if len > self.bytes.len() - self.at {
            return self.malformed();
        }
        self.at += len;
        self.expect(b"}")
    }

    /// Read by `parse_iv2`, not by the scanner: accepts a sign, and no digits are zero.
    fn property_count(&mut self) -> Result<usize, Stop> {
        let sign = self.bytes.get(self.at).filter(|byte| matches!(byte, b'+' | b'-'));
        self.at += usize::from(sign.is_some());
        let count = if self.bytes.get(self.at) == Some(&b':') { 0 } else { self.length()? };
        if sign == Some(&b'-') && count > 0 { self.malformed() } else { Ok(count) }
    }

    fn elements(&mut self, len: usize, key: impl Fn(Value) -> Option<ArrayKey>) -> Result<Array, Stop> {
        if len > self.bytes.len() - self.at {
            return self.malformed();
        }
        self.descend()?;
        let mut array = Array::with_capacity(len.min(TRUSTED_CAPACITY));
        for _ in 0..len {
            let kind = self.byte()?;
            let Some(key) = key(self.scalar(kind)?) else {
                return self.malformed();
            };
            let value = self.value()?;
            array.insert(key, value);
        }
        self.expect(b"}")?;
        self.depth -= 1;
        Ok(array)
    }

    fn reference(&mut self, kind: u8) -> Result<Value, Stop> {
        self.expect(b":")?;
        let number = self.length()?;
        self.expect(b";")?;
        let Some(slots) = &self.slots else {
            return Err(Stop::Reference);
        };
        let Some(&start) = number.checked_sub(1).and_then(|index| slots.get(index)) else {
            return self.malformed();
        };
        if self.copying.contains(&start) {
            return Err(UnserializeError::Cycle.into());
        }
        self.descend()?;
        let resume = std::mem::replace(&mut self.at, start);
        self.copying.push(start);
        let value = self.value()?;
        self.copying.pop();
        self.at = resume;
        self.depth -= 1;
        match value {
            Value::Object(_) | Value::Opaque(_) => Ok(value),
            _ if kind == b'R' => Ok(value),
            _ => self.malformed(),
        }
    }

    fn descend(&mut self) -> Result<(), Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(UnserializeError::TooDeep.into()) } else { Ok(()) }
    }

    /// Reads digits, wrapping at 64 bits as `parse_uiv` does.
    fn length(&mut self) -> Result<usize, Stop> {
        let start = self.at;
        let mut number = 0_usize;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            number = number.wrapping_mul(10).wrapping_add(usize::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == start { self.malformed() } else { Ok(number) }
    }

    fn until(&mut self, end: u8) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let Some(len) = rest.iter().position(|&byte| byte == end) else {
            return self.malformed();
        };
        self.at += len + 1;
        Ok(&rest[..len])
    }

    fn byte(&mut self) -> Result<u8, Stop> {
        let Some(&byte) = self.bytes.get(self.at) else {
            return self.malformed();
        };
        self.at += 1;
        Ok(byte)
    }

    fn expect(&mut self, expected: &[u8]) -> Result<(), Stop> {
        if !self.bytes[self.at..].starts_with(expected) {
            return self.malformed();
        }
        self.at += expected.len();
        Ok(())
    }

    fn spend(&mut self, cost: usize) -> Result<(), Stop> {
        self.budget = self.budget.checked_sub(cost).ok_or(UnserializeError::TooLarge)?;
        Ok(())
    }

    fn malformed<T>(&self) -> Result<T, Stop> {
        Err(UnserializeError::Malformed { offset: self.at }.into())
    }
}

/// Whether these bytes can be the name of a class or of a case of an enum.
fn is_name(bytes: &[u8]) -> bool {
    let is_letter = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'\\' || byte >= 0x7F;
    !bytes.is_empty() && bytes.iter().all(is_letter)
}
