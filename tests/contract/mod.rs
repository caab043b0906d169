//! The OpenAPI document: committed as the binary writes it, complete, and consistent with a running sidecar.

mod committed;
mod complete;
mod encoded;
mod examples;
mod schemathesis;

use serde_json::{Value, json};

use crate::http::tokens;
use crate::support::{Sidecar, TOKEN};

/// The document as a sidecar serves it.
async fn document(sidecar: &Sidecar) -> Value {
    let response = sidecar.client.get("/openapi.json").await;
    assert_eq!(response.status, 200, "{}", response.text);
    response.json
}

/// One operation of a document.
#[derive(Clone, Copy, Debug)]
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    details: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> &str {
        self.details["operationId"].as_str().unwrap_or_default()
    }

    /// Whether it belongs to messaging, which has the tokens and sentences of its reference server.
    fn is_of_messaging(&self) -> bool {
        ["/api/v1/clients", "/api/v1/messages", "/api/v1/operators"].iter().any(|start| self.path.starts_with(start))
    }
}

/// All operations of a document.
fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, details)| Operation { path, method, details })
    });
    all.collect()
}

/// A schema, with references resolved.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => {
            let found = document.pointer(reference.trim_start_matches('#'));
            resolved(document, found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
        }
        None => schema,
    }
}

/// A token for a user in a scope, as an application signs it.
fn user_token(user: &Value, scope: &Value) -> String {
    let claims = json!({"sub": user, "scope": scope, "exp": tokens::seconds(600)});
    tokens::signed(&claims, TOKEN)
}
