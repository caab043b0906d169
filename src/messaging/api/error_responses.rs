//! Translates errors of the service into HTTP errors.

use crate::http::ApiError;
use crate::messaging::MessagingError;
use crate::messaging::seal::OpenError;
use crate::storage::sql;

/// The message of a 503, as in the reference server.
const DATABASE_FAILED: &str = "Database connection failed.";

fn of_database(error: &sql::Error) -> ApiError {
    let cause = error.chain();
    match error {
        sql::Error::Unavailable(_) if error.is_denied() => {
            tracing::warn!(error = cause, "the user of the database lacks a privilege");
            ApiError::Unavailable(DATABASE_FAILED)
        }
        sql::Error::Unavailable(_) | sql::Error::Conflict(_) => {
            tracing::debug!(error = cause, "the database does not answer");
            ApiError::Unavailable(DATABASE_FAILED)
        }
        sql::Error::NoTable(_) => {
            tracing::warn!(error = cause, "messaging tables missing");
            ApiError::Unavailable(DATABASE_FAILED)
        }
        sql::Error::Rejected(_) if error.is_data_error() => {
            tracing::warn!(error = cause, "the database refused a value of a request");
            ApiError::invalid("body", "has a value that the database cannot store.")
        }
        sql::Error::UniqueViolation | sql::Error::Rejected(_) => {
            tracing::error!(error = cause, "message request failed");
            ApiError::Internal
        }
    }
}

impl From<MessagingError> for ApiError {
    fn from(error: MessagingError) -> Self {
        match error {
            MessagingError::Database(error) => of_database(&error),
            MessagingError::Unavailable(_) => {
                tracing::debug!(error = error.chain(), "the database does not answer");
                Self::Unavailable(DATABASE_FAILED)
            }
            MessagingError::UndecryptableSecret | MessagingError::HashFailed => {
                tracing::error!(error = error.chain(), "message request failed");
                Self::Internal
            }
            MessagingError::InvalidToken => Self::Unauthorized { message: "Invalid token", scheme: "Bearer" },
            MessagingError::FingerprintTaken => Self::Conflict("The fingerprint has already been taken."),
            MessagingError::LostKey => Self::Conflict(
                "The key of the client with this fingerprint cannot be decrypted: the server has another APP_KEY than before.",
            ),
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
