//! The result of a check.

/// The result of one check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was checked, in a word.
    pub subject: String,
    /// What was found, without secrets.
    pub what: String,
    /// What to do; `None` if nothing is wrong.
    pub fix: Option<String>,
}

impl Finding {
    /// Nothing is wrong.
    pub fn ok(subject: &str, what: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), what: what.into(), fix: None }
    }

    /// Something is wrong, and `fix` says what to do.
    pub fn wrong(subject: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), what: what.into(), fix: Some(fix.into()) }
    }
}
