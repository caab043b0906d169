//! Parsers of untrusted input never panic.

use presence_sidecar::php::{date, json, serialize};
use proptest::prelude::*;

proptest! {
    #[test]
    fn unserialize_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = serialize::unserialize(&bytes);
    }

    #[test]
    fn unserialize_never_panics_on_serialize_like_text(text in "([aOsSidbNrRCE]:?[-+]?[0-9]{0,3}[:;]?[\"{]?[a-c]?[}\";]?){0,20}") {
        let _ = serialize::unserialize(text.as_bytes());
    }

    #[test]
    fn json_decode_never_panics(text in "\\PC{0,80}|[-\\[\\]{}\":,\\\\u0-9a-fA-FntrueflsdD.+ ]{0,60}") {
        let _ = json::decode(&text);
    }

    #[test]
    fn parse_never_panics(text in "\\PC{0,40}|[-+@0-9TZWtz:., /apmGMTMarEs]{0,30}", now in any::<i64>()) {
        let _ = date::parse(&text, now);
    }

    #[test]
    fn formatting_never_panics(micros in any::<i64>(), offset_seconds in -100_000..100_000_i32) {
        let moment = date::ParsedDate { micros, offset_seconds };
        let _ = (moment.iso8601(), moment.database(), date::to_json(micros), date::iso8601(micros, chrono_tz::Europe::Paris));
    }
}
