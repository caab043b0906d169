//! Page sizes of lists.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult};
use serde::{Deserialize, Serialize};

use crate::openapi_by_serde;

/// The maximum number of entries on a page: 1 to 1,000; 100 by default.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct PageSize(pub usize);

impl PageSize {
    const MAX: usize = 1_000;
}

impl Default for PageSize {
    fn default() -> Self {
        Self(100)
    }
}

impl ParseFromParameter for PageSize {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let size = text.parse().ok().filter(|size| (1..=Self::MAX).contains(size));
        size.map(Self).ok_or_else(|| ParseError::custom("must be an integer between 1 and 1000."))
    }
}

openapi_by_serde!(
    PageSize,
    "PageSize",
    MetaSchema { minimum: Some(1.0), maximum: Some(1_000.0), ..MetaSchema::new("integer") }
);
