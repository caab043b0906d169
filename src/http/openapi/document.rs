//! Completes the document that poem-openapi generates, in the form that linters and generators of clients read.
//!
//! poem-openapi writes OpenAPI 3.0, where a reference can be neither described nor nullable. The completed document is
//! OpenAPI 3.1, whose schemas are JSON Schema: a value that may be null has the type `null` beside its own.

use serde_json::{Map, Value, json};

/// The version of the completed document.
const VERSION: &str = "3.1.0";

/// The members of a schema that hold values, not schemas.
const VALUES: [&str; 4] = ["default", "enum", "example", "examples"];

/// Completes a document of poem-openapi: optional properties may be null, integers have formats of the OpenAPI registry
/// without bounds that are no doubles, parameters have one type, and operations that anyone may call say so.
pub fn complete(document: &mut Value) {
    document["openapi"] = VERSION.into();
    if let Some(license) = document["info"]["license"].as_object_mut() {
        let name = license.get("name").cloned().unwrap_or_default();
        license.insert("identifier".to_owned(), name);
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, operation) in paths.flat_map(|(_, operations)| operations.as_object_mut().into_iter().flatten()) {
        complete_operation(operation);
    }
    complete_schemas(document);
}

fn complete_operation(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        use_text_form(&mut parameter["schema"]);
    }
    let Some(operation) = operation.as_object_mut() else { return };
    operation.entry("security").or_insert_with(|| json!([]));
}

/// Replaces the alternatives of a parameter by the string among them: in a URL, `42` is a number and a text.
fn use_text_form(schema: &mut Value) {
    let mut alternatives = schema["oneOf"].as_array().into_iter().flatten();
    let Some(mut text) = alternatives.find(|schema| schema["type"] == "string").cloned() else { return };
    if let (Some(text), Some(example)) = (text.as_object_mut(), schema.get("example")) {
        let example = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
        text.insert("example".to_owned(), example.into());
    }
    *schema = text;
}

/// Completes all schemas in `value`, the inner ones first.
fn complete_schemas(value: &mut Value) {
    if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(complete_schemas);
    }
    let Some(object) = value.as_object_mut() else { return };
    let inner = object.iter_mut().filter(|(name, _)| !VALUES.contains(&name.as_str()));
    inner.for_each(|(_, inner)| complete_schemas(inner));
    complete_integer(object);
    describe_reference(object);
    let required = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, property) in object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if let (false, Some(property)) = (required.iter().any(|known| known == name), property.as_object_mut()) {
            allow_null(property);
        }
    }
}

/// Writes Rust's integers as `int64`, the only format with 64 bits: those without a sign have the minimum 0.
fn complete_integer(schema: &mut Map<String, Value>) {
    let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    if matches!(format, "uint64" | "uint32") {
        schema.insert("format".to_owned(), "int64".into());
        schema.entry("minimum").or_insert_with(|| 0.into());
    }
    for name in ["minimum", "maximum"] {
        if let Some(bound) = schema.get_mut(name).filter(|bound| bound.as_f64().is_some_and(is_whole)) {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number that a double represents exactly")]
            let whole = bound.as_f64().unwrap_or_default() as i64;
            *bound = whole.into();
        }
    }
}

/// Whether a number is an integer that every JSON reader represents exactly.
fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() < 9e15
}

/// Writes `allOf` of a reference and its description as a reference with a description beside it.
fn describe_reference(schema: &mut Map<String, Value>) {
    let reference = schema.get("allOf").and_then(|parts| parts.get(0)?.get("$ref")).cloned();
    if let Some(reference) = reference {
        schema.remove("allOf");
        schema.insert("$ref".to_owned(), reference);
    }
}

/// Permits null where a schema states types. One that states none permits every value.
fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(reference) = schema.remove("$ref") {
        schema.insert("anyOf".to_owned(), json!([{"$ref": reference}, {"type": "null"}]));
    } else if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
        if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            values.push(Value::Null);
        }
    } else {
        let alternatives = ["oneOf", "anyOf"].into_iter().find(|name| schema.contains_key(*name));
        let alternatives = alternatives.and_then(|name| schema.get_mut(name)?.as_array_mut());
        alternatives.into_iter().for_each(|alternatives| alternatives.push(json!({"type": "null"})));
    }
}
