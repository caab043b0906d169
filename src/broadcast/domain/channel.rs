//! User ids in the names of channels, in the encoding of the PHP package. Pure.
//!
//! Servers accept `[-a-zA-Z0-9_=@,.;]` in names, and a placeholder of Laravel's channel routes matches no dot. So each other
//! byte of an id is written as `=` and two upper-case hexadecimal digits: the id `acme:7` becomes `acme=3A7`.

/// The id of a user as a part of a channel name.
pub fn encode_id(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_@,;".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("={byte:02X}"));
        }
    }
    encoded
}

/// The name of the private channel of a user; `{id}` in `pattern` stands for the encoded id.
pub fn user_channel(pattern: &str, id: &str) -> String {
    format!("private-{}", pattern.replace("{id}", &encode_id(id)))
}
