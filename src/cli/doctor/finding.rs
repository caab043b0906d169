//! The result of a check.

/// The result of one check.
pub(super) struct Finding {
    pub subject: String,
    pub what: String,
    /// What to do; `None` if nothing is wrong.
    pub fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(subject: &str, what: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), what: what.into(), fix: None }
    }

    pub(super) fn wrong(subject: &str, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { subject: subject.to_owned(), what: what.into(), fix: Some(fix.into()) }
    }
}
