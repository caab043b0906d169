use presence_sidecar::laravel::cache_key::{Scalar, ScopeParts, logical_key, scope_key, snake};
use proptest::prelude::*;

use crate::php::vectors::{bytes, cases, text};

fn scalar(value: &serde_json::Value) -> Scalar<'_> {
    match value {
        serde_json::Value::Bool(flag) => Scalar::Bool(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(integer) => Scalar::Int(integer),
            None => Scalar::Float(number.as_f64().expect("a double")),
        },
        serde_json::Value::String(text) => Scalar::Str(text),
        _ => Scalar::Null,
    }
}

fn parts(scope: &serde_json::Value) -> ScopeParts<'_> {
    ScopeParts {
        tenant: scalar(&scope["tenant"]),
        location: scalar(&scope["location"]),
        domain: scalar(&scope["domain"]),
        guard: scalar(&scope["guard"]),
    }
}

#[test]
fn recorded_scopes_and_users_give_the_recorded_keys() {
    for case in cases("presence-keys.json", "cases") {
        let key = logical_key(&scope_key(&parts(&case["scope"]), true), scalar(&case["user_id"]));
        assert_eq!(key.as_bytes(), bytes(&case["key"]), "{}", case["name"]);
    }
}

#[test]
fn recorded_texts_have_the_snake_case_of_laravel() {
    for case in cases("laravel-primitives.json", "snake") {
        assert_eq!(snake(&bytes(&case["in"])).as_bytes(), bytes(&case["out"]), "{}", case["in"]);
    }
}

#[test]
fn guard_can_be_omitted() {
    let parts = ScopeParts { tenant: "acme".into(), ..ScopeParts::default() };
    assert_eq!(scope_key(&parts, false), "presence|acme");
    assert_eq!(scope_key(&ScopeParts::default(), false), "presence");
}

#[test]
fn zero_is_an_empty_part_and_doubles_have_fourteen_digits() {
    let parts = ScopeParts {
        tenant: Scalar::Float(0.0),
        location: Scalar::Float(0.1 + 0.2),
        domain: Scalar::Float(1e25),
        guard: Scalar::Float(-0.0),
    };
    assert_eq!(scope_key(&parts, true), "presence|loc:0.3|dom:1.0_e+25|guard:-0");
}

#[test]
fn invalid_utf8_has_an_empty_snake_case() {
    assert_eq!(snake(b"a\xff"), "");
}

fn any_scalar() -> impl Strategy<Value = Option<serde_json::Value>> {
    prop_oneof![
        Just(None),
        any::<bool>().prop_map(|flag| Some(flag.into())),
        any::<i64>().prop_map(|number| Some(number.into())),
        (-1e6_f64..1e6).prop_map(|number| Some(number.into())),
        "\\PC{0,12}".prop_map(|text| Some(text.into())),
        "[ a-zA-Z\t|:İΣß\u{2003}]{0,12}".prop_map(|text| Some(text.into())),
    ]
}

fn push(out: &mut String, label: &str, part: Scalar<'_>) {
    if !part.is_empty() {
        out.push_str(label);
        part.push_to(out);
    }
}

proptest! {
    #[test]
    fn logical_key_is_the_snake_case_of_the_whole_key(
        tenant in any_scalar(), location in any_scalar(), domain in any_scalar(), guard in any_scalar(), user in any_scalar(),
    ) {
        let null = serde_json::Value::Null;
        let [tenant, location, domain, guard, user] =
            [&tenant, &location, &domain, &guard, &user].map(|value| scalar(value.as_ref().unwrap_or(&null)));
        let mut whole = "presence".to_owned();
        push(&mut whole, "|", tenant);
        push(&mut whole, "|loc:", location);
        push(&mut whole, "|dom:", domain);
        whole.push_str("|guard:");
        if guard == Scalar::Null { whole.push_str("web") } else { guard.push_to(&mut whole) }
        whole.push_str("|user:");
        user.push_to(&mut whole);

        let key = logical_key(&scope_key(&ScopeParts { tenant, location, domain, guard }, true), user);
        prop_assert_eq!(key, snake(whole.as_bytes()));
    }
}

#[test]
fn physical_key_is_both_prefixes_and_the_logical_key() {
    let file = crate::php::vectors::file("presence-values.json");
    let redis = text(&file["config"]["redis.options"]["prefix"]);
    let cache = text(&file["config"]["cache.prefix"]);
    let logical = logical_key(&scope_key(&ScopeParts::default(), true), Scalar::Int(1));
    for case in file["cases"].as_array().expect("cases").iter().filter(|case| case["redis_key"].is_object()) {
        assert_eq!(format!("{redis}{cache}{logical}").as_bytes(), bytes(&case["redis_key"]), "{}", case["name"]);
    }
}
