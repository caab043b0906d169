//! The OpenAPI document, Swagger UI, and the table of routes that the document describes.

mod document;
mod swagger_ui;

use poem::endpoint::make_sync;
use poem::{Endpoint, Response};
use serde_json::Value;

pub use self::document::complete;
pub use self::swagger_ui::swagger_ui;
use super::compressed_text::CompressedText;

/// All routes and their methods.
#[derive(Clone, Debug, Default)]
pub struct RouteTable(Vec<(Vec<String>, String)>);

impl RouteTable {
    /// The routes of an OpenAPI document, and `more` routes that support GET.
    pub fn of(document: &Value, more: &[&str]) -> Self {
        let segments = |path: &str| path.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
        let paths = document["paths"].as_object().into_iter().flatten().map(|(path, operations)| {
            let mut methods: Vec<String> =
                operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            (segments(path), methods.join(", "))
        });
        Self(paths.chain(more.iter().map(|path| (segments(path), "GET, HEAD".to_owned()))).collect())
    }

    /// The methods that the route of `path` supports, comma separated.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        self.find(path).map(|(_, methods)| methods.as_str())
    }

    /// The paths of all routes, with their parameters in braces.
    pub fn patterns(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(segments, _)| format!("/{}", segments.join("/")))
    }

    /// The name of the parameter at `index`, from 0, among those of the route of `path`.
    pub fn parameter(&self, path: &str, index: usize) -> Option<&str> {
        let (route, _) = self.find(path)?;
        let mut names = route.iter().filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        names.nth(index)
    }

    fn find(&self, path: &str) -> Option<&(Vec<String>, String)> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        self.0.iter().find(|(route, _)| {
            route.len() == segments.len()
                && route.iter().zip(&segments).all(|(known, part)| known.starts_with('{') || known == part)
        })
    }
}

/// Serves a constant text.
pub fn serve_text(content_type: &'static str, text: String) -> impl Endpoint<Output = Response> {
    let text = CompressedText::new(text);
    make_sync(move |request| text.respond(&request, content_type))
}

/// The document as JSON, indented, with a line break at the end.
pub fn to_json(document: &Value) -> String {
    format!("{document:#}\n")
}

/// The document as YAML.
pub fn to_yaml(document: &Value) -> String {
    serde_yaml::to_string(document).unwrap_or_default()
}
