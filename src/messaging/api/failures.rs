//! What failures of the service are to a caller.

use crate::http::ApiError;
use crate::messaging::Failure;
use crate::messaging::seal::OpenError;
use crate::storage::sql;

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(sql::Error::Unavailable(_) | sql::Error::Conflict(_)) | Failure::Unavailable(_) => {
                tracing::debug!(error = failure.chain(), "the database did not answer");
                Self::NoDatabase
            }
            Failure::Database(sql::Error::NoTable(_)) => {
                tracing::warn!(error = failure.chain(), "messages are not served");
                Self::NoDatabase
            }
            Failure::Database(sql::Error::Taken | sql::Error::Refused(_)) | Failure::Secret => {
                tracing::error!(error = failure.chain(), "a message could not be dealt with");
                Self::Internal
            }
            Failure::InvalidToken => Self::Unauthorized { message: "Invalid token", scheme: "Bearer" },
            Failure::FingerprintTaken => Self::Conflict("The fingerprint has already been taken."),
            Failure::UnknownClient => Self::NotFound("Client not found"),
            Failure::Sealed(OpenError::Nonce) => Self::invalid("nonce", "must be 12 bytes in base64."),
            Failure::Sealed(OpenError::Tag) => Self::invalid("tag", "must be 16 bytes in base64."),
            Failure::Sealed(OpenError::Altered) => Self::invalid("ciphertext", "could not be decrypted."),
            Failure::TooMany(most) => {
                Self::invalid("ciphertext", &format!("must not hold more than {most} to_client_ids."))
            }
            Failure::Nul(field) => Self::invalid(field, "must not have a NUL character in it."),
            Failure::NoObject => Self::invalid("ciphertext", "must hold a JSON object."),
            Failure::NoType => Self::invalid("ciphertext", "must hold a type that is a string."),
        }
    }
}
