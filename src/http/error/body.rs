//! The body of an error response.

use std::fmt::Display;

use indexmap::IndexMap;
use poem_openapi::Object;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde::{Deserialize, Serialize};

use crate::openapi_by_serde;

/// An error response.
#[derive(Object, Serialize)]
#[oai(rename = "Error")]
pub(super) struct ErrorBody {
    /// One sentence for people.
    pub(super) message: String,
    /// For 422: sentences by field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(super) errors: Option<ValidationErrors>,
    /// For 409: the cursor of the oldest entry that the change log keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(super) oldest_cursor: Option<String>,
}

impl ErrorBody {
    /// A body with a message only.
    pub(super) fn new(message: &impl Display) -> Self {
        Self { message: message.to_string(), errors: None, oldest_cursor: None }
    }
}

/// Sentences by field, as Laravel's validator returns them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationErrors(IndexMap<String, Vec<String>>);

impl ValidationErrors {
    /// One sentence about one field; `rest` completes "The … field".
    pub(super) fn of_field(field: &str, rest: &str) -> Self {
        let label = field.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or(field).replace('_', " ");
        Self(IndexMap::from([(field.to_owned(), vec![format!("The {label} field {rest}")])]))
    }

    /// Laravel's message: the first sentence, and the number of the others.
    pub(super) fn summary(&self) -> String {
        let mut sentences = self.0.values().flatten();
        let first = sentences.next().cloned().unwrap_or_default();
        match sentences.count() {
            0 => first,
            1 => format!("{first} (and 1 more error)"),
            more => format!("{first} (and {more} more errors)"),
        }
    }
}

impl FromIterator<(String, Vec<String>)> for ValidationErrors {
    fn from_iter<I: IntoIterator<Item = (String, Vec<String>)>>(sentences: I) -> Self {
        Self(sentences.into_iter().collect())
    }
}

openapi_by_serde!(ValidationErrors, "Errors", {
    let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
    let sentences = MetaSchema { items: Some(Box::new(inline(MetaSchema::new("string")))), ..MetaSchema::new("array") };
    MetaSchema { additional_properties: Some(Box::new(inline(sentences))), ..MetaSchema::new("object") }
});
