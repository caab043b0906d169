//! What failures of the service are to a caller.

use crate::http::ApiError;
use crate::messaging::MessagingError;
use crate::messaging::seal::OpenError;
use crate::storage::sql;

impl From<MessagingError> for ApiError {
    fn from(failure: MessagingError) -> Self {
        match failure {
            MessagingError::Database(sql::Error::Unavailable(_) | sql::Error::Conflict(_))
            | MessagingError::Unavailable(_) => {
                tracing::debug!(error = failure.chain(), "the database did not answer");
                Self::Unavailable("Database connection failed.")
            }
            MessagingError::Database(sql::Error::NoTable(_)) => {
                tracing::warn!(error = failure.chain(), "messages are not served");
                Self::Unavailable("Database connection failed.")
            }
            MessagingError::Database(sql::Error::UniqueViolation | sql::Error::Rejected(_))
            | MessagingError::Secret => {
                tracing::error!(error = failure.chain(), "a message could not be dealt with");
                Self::Internal
            }
            MessagingError::InvalidToken => Self::Unauthorized { message: "Invalid token", scheme: "Bearer" },
            MessagingError::FingerprintTaken => Self::Conflict("The fingerprint has already been taken."),
            MessagingError::UnknownClient => Self::NotFound("Client not found"),
            MessagingError::Sealed(OpenError::Nonce) => Self::invalid("nonce", "must be 12 bytes in base64."),
            MessagingError::Sealed(OpenError::Tag) => Self::invalid("tag", "must be 16 bytes in base64."),
            MessagingError::Sealed(OpenError::Altered) => Self::invalid("ciphertext", "could not be decrypted."),
            MessagingError::TooMany(most) => {
                Self::invalid("ciphertext", &format!("must not hold more than {most} to_client_ids."))
            }
            MessagingError::Nul(field) => Self::invalid(field, "must not have a NUL character in it."),
            MessagingError::NoObject => Self::invalid("ciphertext", "must hold a JSON object."),
            MessagingError::NoType => Self::invalid("ciphertext", "must hold a type that is a string."),
        }
    }
}
