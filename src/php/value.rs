//! A PHP value, as returned by `unserialize()` or `json_decode()`.
//!
//! Arrays keep their order and normalize their keys as PHP does (`"5"` is the integer 5, `"05"` a string). Serializing a
//! value with serde never fails and gives the JSON that a PHP application would return: see `ser`.

use foldhash::fast::RandomState;
use indexmap::IndexMap;

pub use super::key::ArrayKey;
use super::key::{BorrowedKey, are_positions};

/// Any value of Laravel's cache or of `json_decode`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A double, including NaN and the infinities.
    Float(f64),
    /// Bytes; PHP strings have no encoding.
    String(Vec<u8>),
    /// A list or a dictionary: PHP has one type for both.
    Array(Array),
    /// An instance of a class, with its serialized properties.
    Object(Object),
    /// A value that only the application can read, in its serialized form: a case of an enum (`E:`), or an instance of a
    /// class with a format of its own (`C:`). Its JSON is null.
    Opaque(Vec<u8>),
}

impl Value {
    /// The bytes of a string; `None` for any other type.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::String(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a UTF-8 string; `None` for any other value.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The array; `None` for any other type.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }

    /// PHP's `(bool)` cast.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(yes) => *yes,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::String(bytes) => !matches!(bytes.as_slice(), b"" | b"0"),
            Self::Array(array) => !array.is_empty(),
            Self::Object(_) | Self::Opaque(_) => true,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.as_bytes().to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into_bytes())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}

/// A PHP array: ordered, with [`ArrayKey`]s.
#[derive(Clone, Debug, Default)]
pub struct Array(IndexMap<ArrayKey, Value, RandomState>);

impl Array {
    /// An empty array.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty array with room for `capacity` elements.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(IndexMap::with_capacity_and_hasher(capacity, RandomState::default()))
    }

    /// Appends to a list, as `$array[] = $value` does: the key is the number of elements.
    pub fn push(&mut self, value: impl Into<Value>) {
        let next = i64::try_from(self.0.len()).unwrap_or(i64::MAX);
        self.0.insert(ArrayKey::Int(next), value.into());
    }

    /// Sets an element; an existing key keeps its position and gets the new value.
    pub fn insert(&mut self, key: impl Into<ArrayKey>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// The element with this key, which may be the text of an integer key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(&BorrowedKey::new(key.as_bytes()))
    }

    /// Removes and returns the element with this key; does not keep the order of the others.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.0.swap_remove(&BorrowedKey::new(key.as_bytes()))
    }

    /// The element with an integer key.
    pub fn get_index(&self, index: i64) -> Option<&Value> {
        self.0.get(&BorrowedKey::Int(index))
    }

    /// The elements in order.
    pub fn iter(&self) -> indexmap::map::Iter<'_, ArrayKey, Value> {
        self.0.iter()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the keys are 0, 1, 2, … in this order (`array_is_list`); an empty array is a list.
    pub fn is_list(&self) -> bool {
        are_positions(self.0.keys())
    }
}

// IndexMap ignores the order; that of a PHP array is part of its serialized form.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> IntoIterator for &'a Array {
    type Item = (&'a ArrayKey, &'a Value);
    type IntoIter = indexmap::map::Iter<'a, ArrayKey, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Array {
    type Item = (ArrayKey, Value);
    type IntoIter = indexmap::map::IntoIter<ArrayKey, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Into<ArrayKey>, V: Into<Value>> FromIterator<(K, V)> for Array {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(elements: I) -> Self {
        Self(elements.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

/// An object, as far as its serialized form describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The class name with its namespace, without a leading backslash.
    pub class: Vec<u8>,
    /// The properties by their serialized names: `\0*\0name` is protected, `\0Class\0name` is private.
    pub properties: Array,
}
