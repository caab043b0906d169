//! Translates errors of the service into HTTP errors.

use crate::http::ApiError;
use crate::messaging::MessagingError;
use crate::messaging::seal::OpenError;
use crate::storage::sql;

impl From<MessagingError> for ApiError {
    fn from(error: MessagingError) -> Self {
        match error {
            MessagingError::Database(sql::Error::Unavailable(_) | sql::Error::Conflict(_))
            | MessagingError::Unavailable(_) => {
                tracing::debug!(error = error.chain(), "the database does not answer");
                Self::Unavailable("Database connection failed.")
            }
            MessagingError::Database(sql::Error::NoTable(_)) => {
                tracing::warn!(error = error.chain(), "messaging tables missing");
                Self::Unavailable("Database connection failed.")
            }
            MessagingError::Database(error) if error.is_data_error() => {
                tracing::warn!(error = error.chain(), "the database refused a value of a request");
                Self::invalid("body", "has a value that the database cannot store.")
            }
            MessagingError::Database(sql::Error::UniqueViolation | sql::Error::Rejected(_))
            | MessagingError::UndecryptableSecret
            | MessagingError::HashFailed => {
                tracing::error!(error = error.chain(), "message request failed");
                Self::Internal
            }
            MessagingError::InvalidToken => Self::Unauthorized { message: "Invalid token", scheme: "Bearer" },
            MessagingError::FingerprintTaken => Self::Conflict("The fingerprint has already been taken."),
            MessagingError::UnknownClient => Self::NotFound("Client not found"),
            MessagingError::Sealed(OpenError::Nonce) => Self::invalid("nonce", "must be 12 bytes in base64."),
            MessagingError::Sealed(OpenError::Tag) => Self::invalid("tag", "must be 16 bytes in base64."),
            MessagingError::Sealed(OpenError::Altered) => Self::invalid("ciphertext", "could not be decrypted."),
            MessagingError::TooManyRecipients(most) => {
                Self::invalid("ciphertext", &format!("must not hold more than {most} to_client_ids."))
            }
            MessagingError::TooManyValues(most) => {
                Self::invalid("ciphertext", &format!("must not hold more than {most} values."))
            }
            MessagingError::TooManyBytes(most) => Self::invalid(
                "ciphertext",
                &format!("must not take more than {most} bytes, counted for each of its to_client_ids."),
            ),
            MessagingError::NulCharacter(field) => Self::invalid(field, "must not have a NUL character in it."),
            MessagingError::NotAnObject => Self::invalid("ciphertext", "must hold a JSON object."),
            MessagingError::InvalidType => Self::invalid("ciphertext", "must hold a type that is a string."),
        }
    }
}
