//! What JSON contains, before memory is taken for it.

/// An upper bound of the number of values in JSON, without parsing it: each value except for the first follows a comma or
/// the beginning of a list or an object.
pub fn count_values(json: &[u8]) -> usize {
    1 + outside_strings(json).filter(|byte| matches!(byte, b',' | b'[' | b'{')).count()
}

/// How deep lists and objects are nested in JSON: 0 for a value that is neither.
pub fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in outside_strings(json) {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The bytes that are not in strings; of a string the quotes.
fn outside_strings(json: &[u8]) -> impl Iterator<Item = u8> {
    let (mut in_string, mut escaped) = (false, false);
    json.iter().copied().filter(move |byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
        !in_string
    })
}
