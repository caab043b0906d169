//! Messaging over HTTP: who, what, call, answer. Paths, bodies and statuses are those of the reference server.

mod fields;
mod input;
mod limits;
mod types;
mod validate;

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Response;
use poem_openapi::{OpenApi, Tags};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use self::fields::Fields;
use self::input::Input;
use self::limits::{Shown, Turn, address, counted, hit, with_rest};
use self::types::{
    AcknowledgementBody, ClientsAnswer, CredentialsAnswer, DoneAnswer, MessagesAnswer, OpenedMessagesAnswer, OrNothing,
    PublicationBody, QueuedAnswer, RegisteredAnswer, RegistrationBody, SealedBody,
};
use self::validate::Checks;
use super::model::{ClientId, Cursor, Fingerprint};
use super::seal::{OpenError, Sealed, aad};
use super::service::{Fanout, Registered, Sending};
use super::{Failure, Messaging};
use crate::config::{self, Throttle as Limit};
use crate::database;
use crate::http::doors::{AdminAuth, ClientAuth, OperatorAuth};
use crate::http::problem::{ForAdmins, ForAnybody, ForClients, ForOperators};
use crate::http::throttle::Throttle;
use crate::http::{Failed, Json, Problem};
use crate::laravel::Value;

/// Groups of operations in the document.
#[derive(Tags)]
pub enum Tag {
    /// Sealed messages for clients that poll.
    Messages,
    /// Who watches over them.
    Operators,
}

/// The messaging operations. Without a service they are not there.
pub struct Api {
    messaging: Option<Arc<Messaging>>,
    limits: Limits,
    registration_token: Option<SecretString>,
}

struct Limits {
    poll: Option<Throttle>,
    api: Option<Throttle>,
    register: Option<Throttle>,
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(database::Error::Unavailable(_) | database::Error::Conflict(_)) => {
                tracing::debug!(error = chain(&failure), "the database did not answer");
                Self::NoDatabase
            }
            Failure::Database(database::Error::Taken | database::Error::Refused(_)) | Failure::Secret => {
                tracing::error!(error = chain(&failure), "a message could not be dealt with");
                Self::Internal
            }
            Failure::InvalidToken => Self::Unauthorized { message: "Invalid token", scheme: "Bearer" },
            Failure::FingerprintTaken => Self::Conflict("The fingerprint has already been taken."),
            Failure::UnknownClient => Self::NotFound("Client not found"),
            Failure::Sealed(OpenError::Nonce) => Self::invalid("nonce", "must be 12 bytes in base64."),
            Failure::Sealed(OpenError::Tag) => Self::invalid("tag", "must be 16 bytes in base64."),
            Failure::Sealed(OpenError::Altered) => Self::invalid("ciphertext", "could not be decrypted."),
            Failure::NoObject => Self::invalid("ciphertext", "must hold a JSON object."),
            Failure::NoType => Self::invalid("ciphertext", "must hold a type that is a string."),
        }
    }
}

fn chain(failure: &Failure) -> String {
    match failure {
        Failure::Database(error) => error.chain(),
        other => other.to_string(),
    }
}

impl Api {
    /// The operations on `messaging`, within the limits of `config`.
    pub fn new(messaging: Option<Arc<Messaging>>, config: &config::Messaging) -> Self {
        let throttle = |limit: Option<Limit>| limit.map(|limit| Throttle::new(limit.max, limit.per));
        let config::MessagingLimits { poll, api, register, .. } = config.limits;
        let limits = Limits { poll: throttle(poll), api: throttle(api), register: throttle(register) };
        Self { messaging, limits, registration_token: config.registration_token.clone() }
    }

    fn messaging(&self, request: &Request) -> Result<&Messaging, Problem> {
        let route = || request.original_uri().path().trim_matches('/').to_owned();
        self.messaging.as_deref().ok_or_else(|| Problem::NoRoute(route()))
    }

    fn may_register(&self, token: Option<&str>) -> Result<(), Problem> {
        let Some(wanted) = &self.registration_token else { return Ok(()) };
        let given = token.unwrap_or_default().as_bytes();
        match bool::from(wanted.expose_secret().as_bytes().ct_eq(given)) {
            true => Ok(()),
            false => Err(Problem::Forbidden("Invalid registration token")),
        }
    }

    fn shown(auth: ClientAuth, header: Option<String>, fields: &Fields) -> Shown {
        Shown { id: header.or_else(|| fields.text("client_id")), token: auth.token }
    }
}

type Answer<T, S> = Result<T, Failed<S>>;

#[OpenApi(prefix_path = "/api/v1")]
impl Api {
    /// Register a client
    ///
    /// Makes a client, or hands its credentials to one that was here before with the same fingerprint. Throttled per address.
    #[oai(path = "/clients/register", method = "post", operation_id = "register_client", tag = "Tag::Messages")]
    async fn register(
        &self,
        request: &Request,
        /// What `registration.token` says, if it says anything.
        #[oai(name = "X-Registration-Token")]
        token: Header<Option<String>>,
        input: Input<RegistrationBody>,
    ) -> Answer<Response<RegisteredAnswer>, ForAnybody> {
        let messaging = self.messaging(request)?;
        let passed = hit(self.limits.register.as_ref(), &address(request))?;
        let refuse = |problem: Problem| with_rest(problem, passed);
        self.may_register(token.0.as_deref()).map_err(refuse)?;
        let (fingerprint, name) = registration(&input.fields).map_err(refuse)?;
        let registered = messaging.register(&fingerprint, name.as_deref()).await;
        let answer = match registered.map_err(|failure| refuse(failure.into()))? {
            Registered::Created(credentials) => RegisteredAnswer::Created(Json((&credentials).into())),
            Registered::Found(credentials) => RegisteredAnswer::Found(Json((&credentials).into())),
        };
        Ok(counted(answer, passed))
    }

    /// Change a client's token
    ///
    /// Gives the client a new API token in place of the one it calls with. Its key stays.
    #[oai(path = "/clients/rotate", method = "post", operation_id = "rotate_client", tag = "Tag::Messages")]
    async fn rotate(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
    ) -> Answer<Response<Json<CredentialsAnswer>>, ForClients> {
        let messaging = self.messaging(request)?;
        let shown = Self::shown(auth, client.0, &Fields::of_query(request));
        let turn = Turn::admit(self.limits.api.as_ref(), request, shown)?;
        let rotated = messaging.rotate(&turn.caller).await;
        Ok(turn.settle(rotated.map(|credentials| Json((&credentials).into())))?)
    }

    /// Publish a message
    ///
    /// Seals a message for each of the clients. Answered once all of them have it.
    #[oai(path = "/messages/publish", method = "post", operation_id = "publish", tag = "Tag::Messages")]
    async fn publish(
        &self,
        request: &Request,
        _auth: AdminAuth,
        /// Any text: a publication that is sent again with the same one is stored once.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
        input: Input<PublicationBody>,
    ) -> Answer<Json<QueuedAnswer>, ForAdmins> {
        let messaging = self.messaging(request)?;
        let fanout = publication(&input.fields, key.0.as_deref())?;
        let queued = fanout.recipients.len();
        messaging.fan_out(&fanout).await.map_err(Problem::from)?;
        Ok(Json(QueuedAnswer { queued }))
    }

    /// Send a message
    ///
    /// Takes a message that the client sealed, keeps it for operators, and relays it to the clients that it names.
    #[oai(path = "/messages/send", method = "post", operation_id = "send", tag = "Tag::Messages")]
    async fn send(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
        input: Input<SealedBody>,
    ) -> Answer<Response<Json<DoneAnswer>>, ForClients> {
        let messaging = self.messaging(request)?;
        let shown = Self::shown(auth, client.0, &input.fields);
        let turn = Turn::admit(self.limits.api.as_ref(), request, shown)?;
        let outcome = match sending(&input.fields) {
            Ok(sending) => messaging.send(&turn.caller, &sending).await,
            // Who it is comes before what it says.
            Err(problem) => match messaging.authenticate(&turn.caller).await {
                Ok(_) => return Err(turn.refuse(problem).into()),
                Err(failure) => Err(failure),
            },
        };
        Ok(turn.settle(outcome.map(|()| Json("accepted".into())))?)
    }

    /// Poll for messages
    ///
    /// Messages behind the cursor, by rising id, in one query.
    #[oai(path = "/messages/poll", method = "get", operation_id = "poll", tag = "Tag::Messages")]
    async fn poll(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
        /// The greatest id seen so far; what is acknowledged if it is left out.
        #[oai(name = "cursor")]
        _cursor: Query<Option<String>>,
    ) -> Answer<Response<OrNothing<MessagesAnswer>>, ForClients> {
        let messaging = self.messaging(request)?;
        let fields = Fields::of_query(request);
        let turn = Turn::admit(self.limits.poll.as_ref(), request, Self::shown(auth, client.0, &fields))?;
        let messages = messaging.poll(&turn.caller, cursor(&fields)).await;
        Ok(turn.settle(
            messages.map(|messages| OrNothing((!messages.is_empty()).then(|| Json(MessagesAnswer::from(messages))))),
        )?)
    }

    /// Acknowledge messages
    ///
    /// Says that the client has seen everything up to an id. It never goes back.
    #[oai(path = "/messages/ack", method = "post", operation_id = "acknowledge", tag = "Tag::Messages")]
    async fn acknowledge(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
        input: Input<AcknowledgementBody>,
    ) -> Answer<Response<Json<DoneAnswer>>, ForClients> {
        let messaging = self.messaging(request)?;
        let shown = Self::shown(auth, client.0, &input.fields);
        let turn = Turn::admit(self.limits.api.as_ref(), request, shown)?;
        let mut checks = Checks::new(&input.fields);
        let id = checks.positive("last_received_id");
        let outcome = match checks.finish(id) {
            Ok(id) => messaging.acknowledge(&turn.caller, id).await,
            Err(problem) => match messaging.authenticate(&turn.caller).await {
                Ok(_) => return Err(turn.refuse(problem).into()),
                Err(failure) => Err(failure),
            },
        };
        Ok(turn.settle(outcome.map(|()| Json("acked".into())))?)
    }

    /// All clients
    ///
    /// The clients, the oldest first, and which of them are online: all of them, or with `limit` a page.
    #[oai(path = "/operators/clients", method = "get", operation_id = "clients", tag = "Tag::Operators")]
    async fn clients(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// Most clients on a page, 1 to 1,000.
        #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
        limit: Query<Option<u32>>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<Json<ClientsAnswer>, ForOperators> {
        let messaging = self.messaging(request)?;
        let Some(limit) = limit.0.map(|limit| limit.clamp(1, 1000)) else {
            let clients = messaging.clients().await.map_err(Problem::from)?;
            return Ok(Json(ClientsAnswer::new(clients, None)));
        };
        let after =
            cursor.0.as_deref().map(|cursor| place(cursor).ok_or_else(|| Problem::invalid("cursor", "is not valid.")));
        let after = after.transpose()?;
        let after = after.as_ref().map(|(created_at, id)| (*created_at, id));
        let clients = messaging.clients_page(after, i64::from(limit)).await.map_err(Problem::from)?;
        let full = clients.len() == limit as usize;
        let next = clients.last().filter(|_| full).map(|last| format!("{}_{}", last.place.0, last.place.1.as_str()));
        Ok(Json(ClientsAnswer::new(clients, next)))
    }

    /// A client's messages
    ///
    /// Messages to a client behind the cursor, opened, by rising id.
    #[oai(
        path = "/operators/clients/:client/messages",
        method = "get",
        operation_id = "client_messages",
        tag = "Tag::Operators"
    )]
    async fn messages(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// The client's id.
        client: Path<String>,
        /// The greatest id seen so far.
        #[oai(name = "cursor")]
        _cursor: Query<Option<String>>,
    ) -> Answer<OrNothing<OpenedMessagesAnswer>, ForOperators> {
        let messaging = self.messaging(request)?;
        let id = ClientId::parse(&client.0).ok_or(Problem::from(Failure::UnknownClient))?;
        let after = match cursor(&Fields::of_query(request)) {
            Cursor::Acknowledged => 0,
            Cursor::After(id) => id.max(0),
        };
        let (id, messages) = messaging.messages_of(&id, after).await.map_err(Problem::from)?;
        let answer = (!messages.is_empty()).then(|| Json(OpenedMessagesAnswer::new(id.as_str(), messages)));
        Ok(OrNothing(answer))
    }

    /// Shut a client out
    ///
    /// Makes its credentials worthless and forgets its fingerprint. Its messages stay.
    #[oai(
        path = "/operators/clients/:client/revoke",
        method = "post",
        operation_id = "revoke_client",
        tag = "Tag::Operators"
    )]
    async fn revoke(
        &self,
        request: &Request,
        _auth: OperatorAuth,
        /// The client's id.
        client: Path<String>,
    ) -> Answer<Json<DoneAnswer>, ForOperators> {
        let messaging = self.messaging(request)?;
        let id = ClientId::parse(&client.0).ok_or(Problem::from(Failure::UnknownClient))?;
        messaging.revoke(&id).await.map_err(Problem::from)?;
        Ok(Json("revoked".into()))
    }
}

/// The cursor of a query; of a list its first member.
fn cursor(fields: &Fields) -> Cursor {
    let value = fields.get("cursor").map(|field| &field.value);
    let value = value.and_then(|value| value.as_array().map_or(Some(value), |list| list.get_index(0)));
    value.and_then(Value::as_str).map_or(Cursor::Acknowledged, Cursor::parse)
}

/// A page's end: when the client registered, `_`, its id.
fn place(cursor: &str) -> Option<(&str, ClientId)> {
    let (created_at, id) = cursor.rsplit_once('_')?;
    Some((created_at, ClientId::parse(id)?))
}

fn registration(fields: &Fields) -> Result<(Fingerprint, Option<String>), Problem> {
    let mut checks = Checks::new(fields);
    let name = checks.optional_name("name");
    let fingerprint = checks.fingerprint("fingerprint");
    let name = name.map(|name| name.map(str::to_owned));
    checks.finish(fingerprint.zip(name))
}

fn publication(fields: &Fields, key: Option<&str>) -> Result<Fanout, Problem> {
    let mut checks = Checks::new(fields);
    let recipients = checks.ids("to_client_ids");
    let kind = checks.kind("type").map(str::to_owned);
    let payload = checks.filled("payload").map(|field| field.json.clone());
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

fn sending(fields: &Fields) -> Result<Sending, Problem> {
    let mut checks = Checks::new(fields);
    let [ciphertext, nonce, tag] = ["ciphertext", "nonce", "tag"].map(|name| checks.text(name).map(str::to_owned));
    let along = checks.optional_array("aad");
    let made = ciphertext.zip(nonce).zip(tag).zip(along);
    let (((ciphertext, nonce), tag), along) = checks.finish(made)?;
    let aads = aad::candidates(along.map(|field| (&field.value, field.json.as_str())));
    Ok(Sending { sealed: Sealed { ciphertext, nonce, tag }, aads })
}
