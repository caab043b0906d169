use presence_sidecar::php::json::{Slashes, decode, encode};
use presence_sidecar::php::serialize::{serialize, unserialize};
use presence_sidecar::php::value::{Array, ArrayKey, Object, Value};
use proptest::prelude::*;

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("NaN is not equal to itself", |number| !number.is_nan()).prop_map(Value::Float),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Value::String),
    ]
}

fn key() -> impl Strategy<Value = ArrayKey> {
    prop_oneof![any::<i64>().prop_map(ArrayKey::Int), "\\PC{0,6}|-?[0-9]{1,3}".prop_map(ArrayKey::from)]
}

pub fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|values| {
                let mut array = Array::new();
                for value in values {
                    array.push(value);
                }
                Value::Array(array)
            }),
            prop::collection::vec((key(), inner.clone()), 0..6)
                .prop_map(|elements| Value::Array(elements.into_iter().collect())),
            ("[A-Za-z_\\\\]{1,9}", prop::collection::vec((key(), inner), 0..4)).prop_map(|(class, elements)| {
                Value::Object(Object { class: class.into_bytes(), properties: elements.into_iter().collect() })
            }),
        ]
    })
}

/// Values that JSON can represent.
pub fn json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Float),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 6, |inner| {
        prop::collection::vec((key(), inner), 0..6).prop_map(|elements| Value::Array(elements.into_iter().collect()))
    })
}

fn without_negative_zeros(value: Value) -> Value {
    match value {
        Value::Float(0.0) => Value::Float(0.0),
        Value::Array(array) => Value::Array(
            array.iter().map(|(key, value)| (key.clone(), without_negative_zeros(value.clone()))).collect(),
        ),
        value => value,
    }
}

proptest! {
    #[test]
    fn serialized_values_unserialize_to_the_same_value(value in value()) {
        prop_assert_eq!(unserialize(&serialize(&value)), Ok(value));
    }

    #[test]
    fn json_values_keep_their_types(value in json_value()) {
        let json = serde_json::to_string(&value).expect("the JSON view never fails");
        prop_assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), value);
    }

    #[test]
    fn every_value_has_a_json_form(value in value()) {
        prop_assert!(serde_json::to_string(&value).is_ok());
    }

    #[test]
    fn encoding_is_stable(value in json_value()) {
        // PHP writes -0.0 as -0 and reads that as the integer 0.
        let value = without_negative_zeros(value);
        let once = encode(&value, Slashes::Unescaped).expect("valid UTF-8");
        let again = encode(&decode(&once).expect("JSON"), Slashes::Unescaped).expect("valid UTF-8");
        prop_assert_eq!(once, again);
    }
}
