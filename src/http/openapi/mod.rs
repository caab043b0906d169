//! The OpenAPI document, Swagger UI, and the table of routes that the document describes.

mod document;
mod swagger_ui;

use std::collections::HashMap;

use foldhash::fast::RandomState;
use poem::endpoint::make_sync;
use poem::{Endpoint, Response};
use serde_json::Value;

pub use self::document::complete;
pub use self::swagger_ui::swagger_ui;
use super::compressed_text::CompressedText;

/// All routes and their methods.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<KnownRoute>,
    /// The routes without parameters, by their paths without slashes around them.
    fixed: HashMap<String, usize, RandomState>,
    /// The routes with parameters, by what is in front of their first one.
    stems: HashMap<String, Vec<usize>, RandomState>,
}

#[derive(Clone, Debug)]
struct KnownRoute {
    /// Without slashes around it, and with parameters in braces.
    path: String,
    /// Comma separated.
    methods: String,
}

impl RouteTable {
    /// The routes of an OpenAPI document, and `more` routes that support GET.
    pub fn of(document: &Value, more: &[&str]) -> Self {
        let known = |path: &str, methods| KnownRoute { path: path.trim_matches('/').to_owned(), methods };
        let described = document["paths"].as_object().into_iter().flatten().map(|(path, operations)| {
            let mut methods: Vec<String> =
                operations.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()).collect();
            if methods.iter().any(|method| method == "GET") {
                methods.push("HEAD".to_owned());
            }
            known(path, methods.join(", "))
        });
        let routes: Vec<KnownRoute> =
            described.chain(more.iter().map(|path| known(path, "GET, HEAD".to_owned()))).collect();
        let mut table = Self::default();
        for (index, route) in routes.iter().enumerate() {
            match route.path.find('{') {
                None => _ = table.fixed.insert(route.path.clone(), index),
                Some(end) => table.stems.entry(route.path[..end].to_owned()).or_default().push(index),
            }
        }
        Self { routes, ..table }
    }

    /// The position of the route of `path` among the [`patterns`](Self::patterns). Slashes around the path do not count.
    pub fn index(&self, path: &str) -> Option<usize> {
        let path = path.trim_matches('/');
        self.fixed.get(path).copied().or_else(|| {
            let mut stems = path.rmatch_indices('/').map(|(slash, _)| slash + 1).chain([0]);
            stems.find_map(|length| {
                let (stem, rest) = path.split_at(length);
                self.stems.get(stem)?.iter().copied().find(|index| self.routes[*index].takes(length, rest))
            })
        })
    }

    /// The methods that the route of `path` supports, comma separated.
    pub fn allowed(&self, path: &str) -> Option<&str> {
        self.index(path).map(|index| self.routes[index].methods.as_str())
    }

    /// The paths of all routes, with their parameters in braces.
    pub fn patterns(&self) -> impl Iterator<Item = String> {
        self.routes.iter().map(|route| format!("/{}", route.path))
    }

    /// The name of the parameter at `index`, from 0, among those of the route of `path`.
    pub fn parameter(&self, path: &str, index: usize) -> Option<&str> {
        let route = &self.routes[self.index(path)?];
        let mut names = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        names.nth(index)
    }
}

impl KnownRoute {
    /// Whether `rest` may follow the stem of this length of this route, whose parameters take any segment.
    fn takes(&self, stem_length: usize, rest: &str) -> bool {
        let (mut known, mut segments) = (self.path[stem_length..].split('/'), rest.split('/'));
        loop {
            match (known.next(), segments.next()) {
                (None, None) => return true,
                (Some(known), Some(segment)) if known.starts_with('{') || known == segment => {}
                _ => return false,
            }
        }
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
