//! What requests ask for, from their fields.

use uuid::Uuid;

use super::fields::Fields;
use super::validate::Validator;
use crate::http::ApiError;
use crate::messaging::domain::{ClientId, Fingerprint, PollCursor};
use crate::messaging::seal::{Sealed, aad};
use crate::messaging::service::{Fanout, SendRequest};

/// The cursor of a query; of a list its first member, which counts whatever it is, as a list is never empty.
pub(super) fn cursor(fields: &Fields) -> PollCursor {
    let Some(mut value) = fields.get("cursor").map(|field| &field.value) else { return PollCursor::Acknowledged };
    let listed = value.as_array().is_some();
    while let Some((_, first)) = value.as_array().and_then(|list| list.iter().next()) {
        value = first;
    }
    match value.as_str().map_or(PollCursor::Acknowledged, PollCursor::parse) {
        PollCursor::Acknowledged if listed => PollCursor::After(0),
        cursor => cursor,
    }
}

pub(super) fn registration(fields: &Fields) -> Result<(Fingerprint, Option<String>), ApiError> {
    let mut checks = Validator::new(fields);
    let name = checks.optional_name("name");
    let fingerprint = checks.fingerprint("fingerprint");
    let name = name.map(|name| name.map(str::to_owned));
    checks.finish(fingerprint.zip(name))
}

pub(super) fn publication(fields: &Fields, key: Option<&str>) -> Result<Fanout, ApiError> {
    let mut checks = Validator::new(fields);
    let list = checks.filled("to_client_ids");
    let kind = checks.kind("type").map(str::to_owned);
    let payload = checks.filled("payload").map(|field| field.json.clone());
    let recipients = list.and_then(|list| checks.ids("to_client_ids", list));
    let made = recipients.zip(kind).zip(payload);
    let ((recipients, kind), payload) = checks.finish(made)?;
    let id = match key {
        Some(key) => {
            let ids: Vec<&str> = recipients.iter().map(ClientId::as_str).collect();
            Fanout::name(&["publish", key, &kind, &payload, &ids.join(",")])
        }
        None => Uuid::new_v4().simple().to_string(),
    };
    Ok(Fanout { id, from: None, kind, payload, recipients })
}

pub(super) fn sending(fields: &Fields) -> Result<SendRequest, ApiError> {
    let mut checks = Validator::new(fields);
    let [ciphertext, nonce, tag] = ["ciphertext", "nonce", "tag"].map(|name| checks.text(name).map(str::to_owned));
    let along = checks.optional_array("aad");
    let made = ciphertext.zip(nonce).zip(tag).zip(along);
    let (((ciphertext, nonce), tag), along) = checks.finish(made)?;
    let aads = aad::candidates(along.map(|field| (&field.value, field.json.as_str())));
    Ok(SendRequest { sealed: Sealed { ciphertext, nonce, tag }, aads })
}

pub(super) fn acknowledgement(fields: &Fields) -> Result<i64, ApiError> {
    let mut checks = Validator::new(fields);
    let id = checks.positive("last_received_id");
    checks.finish(id)
}
