//! The limits of ids, scope values and session names.

/// Most characters of an id, a scope value or a session name, as by Laravel's `max:255`.
pub const MAX_LENGTH: usize = 255;

/// The reason why a value cannot be (part of) an identity. `Display` completes the sentence "The … field …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It could name the key of another tenant.
    #[error("must not contain \"|\" or control characters.")]
    Separator,
    /// It is longer than [`MAX_LENGTH`] characters.
    #[error("must not be greater than 255 characters.")]
    TooLong,
    /// It is of another JSON type.
    #[error("must be a string or a 64-bit integer.")]
    Type,
    /// It is empty, or nothing of it remains in a key.
    #[error("must not be blank.")]
    Blank,
    /// In a key it could not be told from another part.
    #[error("must not begin with \"loc:\", \"dom:\", \"guard:\" or \"user:\".")]
    Label,
}

/// The text, if it can be an id, a part of a scope or the name of a session.
pub(super) fn checked(text: &str) -> Result<&str, InvalidId> {
    if text.len() > MAX_LENGTH && text.chars().count() > MAX_LENGTH {
        return Err(InvalidId::TooLong);
    }
    if text.chars().any(|character| character == '|' || character.is_control()) {
        return Err(InvalidId::Separator);
    }
    Ok(text)
}
