//! Forms as PHP parses them: `a[b][]=1`, with PHP's limits of fields and of nesting.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use indexmap::IndexMap;
use multer::Multipart;

use crate::php::{Array, Value};

/// Maximum number of fields: PHP's `max_input_vars`. More are ignored, as in PHP.
pub const MAX_PAIRS: usize = 1_000;

/// Maximum nesting depth of a field's name: PHP's `max_input_nesting_level`.
const MAX_NESTING: usize = 64;

/// The parse tree of a form.
#[derive(Default)]
pub struct Form {
    tree: IndexMap<String, Node>,
    values: usize,
}

enum Node {
    Leaf(String),
    Branch(IndexMap<String, Node>),
}

impl Form {
    /// Adds a field as PHP's `parse_str` does. A name that is nested too deeply is ignored, as in PHP.
    pub fn insert(&mut self, name: &str, value: &str) {
        let (first, rest) = name.split_at(name.find('[').filter(|index| *index > 0).unwrap_or(name.len()));
        let inner = rest.split_inclusive(']').filter_map(|part| part.strip_prefix('[')?.strip_suffix(']'));
        let path: Vec<&str> = std::iter::once(first).chain(inner).take(MAX_NESTING + 2).collect();
        if path.len() <= MAX_NESTING + 1 {
            self.values += path.len();
            insert(&mut self.tree, &path, value);
        }
    }

    /// The number of values in the tree, or more.
    pub fn values(&self) -> usize {
        self.values
    }

    /// The fields with their values.
    pub fn into_values(self) -> impl Iterator<Item = (String, Value)> {
        self.tree.into_iter().map(|(name, node)| (name, Value::from(node)))
    }
}

fn insert(tree: &mut IndexMap<String, Node>, path: &[&str], value: &str) {
    let [first, rest @ ..] = path else { return };
    let key = if first.is_empty() { tree.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        tree.insert(key, Node::Leaf(value.to_owned()));
        return;
    }
    let node = tree.entry(key).or_insert_with(|| Node::Branch(IndexMap::new()));
    if let Node::Leaf(_) = node {
        *node = Node::Branch(IndexMap::new());
    }
    if let Node::Branch(branch) = node {
        insert(branch, rest, value);
    }
}

impl From<Node> for Value {
    fn from(node: Node) -> Self {
        match node {
            Node::Leaf(text) => Self::from(text),
            Node::Branch(nodes) => {
                Self::Array(nodes.into_iter().map(|(key, node)| (key, Self::from(node))).collect::<Array>())
            }
        }
    }
}

/// Returns the strings of a multipart form. Ignores files, and everything after a malformed part or the last field that
/// counts.
pub async fn read_multipart(kind: &str, bytes: Bytes) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let mut texts = Vec::new();
    let Ok(boundary) = multer::parse_boundary(kind) else { return texts };
    let whole = futures_util::stream::iter([Ok::<_, Infallible>(bytes)]);
    let mut parts = Multipart::new(whole, boundary);
    while texts.len() < MAX_PAIRS
        && let Ok(Some(part)) = parts.next_field().await
    {
        let name = part.name().filter(|_| part.file_name().is_none()).map(str::to_owned);
        if let (Some(name), Ok(text)) = (name, part.text().await) {
            texts.push((name.into(), text.into()));
        }
    }
    texts
}
