//! Lists of what a client accepts: `Accept`, `Accept-Encoding` (RFC 9110, sections 12.5.1 and 12.5.3).

use poem::http::HeaderMap;
use poem::http::header::HeaderName;

/// Whether the list in this header names `name`, with a weight other than 0. Ranges with `*` name nothing.
pub fn accepts(headers: &HeaderMap, header: &HeaderName, name: &str) -> bool {
    let lists = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(name));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        is_named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}
