//! Parses the fields of requests into calls of the service.

use uuid::Uuid;

use super::fields::Fields;
use super::validate::Validator;
use crate::http::ApiError;
use crate::messaging::domain::{ClientId, Fingerprint, PollCursor};
use crate::messaging::seal::{Sealed, aad};
use crate::messaging::service::{Fanout, SendRequest, fanout_id};

/// Parses the cursor of a query. Of a list, the first element counts; a list is never empty, so it never means the
/// acknowledged id.
pub(super) fn parse_cursor(fields: &Fields) -> PollCursor {
    let Some(mut value) = fields.get("cursor").map(|field| &field.value) else { return PollCursor::Acknowledged };
    let is_list = value.as_array().is_some();
    while let Some((_, first)) = value.as_array().and_then(|list| list.iter().next()) {
        value = first;
    }
    match value.as_str().map_or(PollCursor::Acknowledged, PollCursor::parse) {
        PollCursor::Acknowledged if is_list => PollCursor::After(0),
        cursor => cursor,
    }
}

/// Parses the fingerprint and the name of a registration.
pub(super) fn parse_registration(fields: &Fields) -> Result<(Fingerprint, Option<String>), ApiError> {
    let mut validator = Validator::new(fields);
    let name = validator.optional_name("name");
    let fingerprint = validator.fingerprint("fingerprint");
    let name = name.map(|name| name.map(str::to_owned));
    validator.finish(fingerprint.zip(name))
}

/// Parses a publication; `key` is its idempotency key.
pub(super) fn parse_publication(fields: &Fields, key: Option<&str>) -> Result<Fanout, ApiError> {
    let mut validator = Validator::new(fields);
    let list = validator.filled("to_client_ids");
    let kind = validator.kind("type").map(str::to_owned);
    let payload = validator.filled("payload").map(|field| field.json.clone());
    let recipients = list.and_then(|list| validator.ids("to_client_ids", list));
    let valid = recipients.zip(kind).zip(payload);
    let ((recipients, kind), payload) = validator.finish(valid)?;
    let id = match key {
        Some(key) => {
            let ids: Vec<&str> = recipients.iter().map(ClientId::as_str).collect();
            fanout_id(&["publish", key, &kind, &payload, &ids.join(",")])
        }
        None => Uuid::new_v4().simple().to_string(),
    };
    Ok(Fanout { id, from: None, kind, payload, recipients })
}

/// Parses a message from a client.
pub(super) fn parse_send(fields: &Fields) -> Result<SendRequest, ApiError> {
    let mut validator = Validator::new(fields);
    let [ciphertext, nonce, tag] = ["ciphertext", "nonce", "tag"].map(|name| validator.text(name).map(str::to_owned));
    let aad = validator.optional_array("aad");
    let valid = ciphertext.zip(nonce).zip(tag).zip(aad);
    let (((ciphertext, nonce), tag), aad) = validator.finish(valid)?;
    let aads = aad::candidates(aad.map(|field| (&field.value, field.json.as_str())));
    Ok(SendRequest { sealed: Sealed { ciphertext, nonce, tag }, aads })
}

/// Parses the id of an acknowledgement.
pub(super) fn parse_acknowledgement(fields: &Fields) -> Result<i64, ApiError> {
    let mut validator = Validator::new(fields);
    let id = validator.positive("last_received_id");
    validator.finish(id)
}
