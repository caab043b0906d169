//! The errors that the operations on deliveries document.

use crate::http::error::{ErrorSet, FORBIDDEN, INVALID, NOT_FOUND, UNAUTHENTICATED, UNAVAILABLE};

/// Errors of operations on deliveries.
#[derive(Debug)]
pub struct DeliveryErrors;

impl ErrorSet for DeliveryErrors {
    const LIST: &'static [(u16, &'static str)] = &[UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, INVALID, UNAVAILABLE];
}
