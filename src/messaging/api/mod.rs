//! Messaging over HTTP: who, what, call, answer. Paths, bodies and statuses are those of the reference server.

mod answers;
pub mod auth;
mod bodies;
mod errors;
mod failures;
mod fields;
mod input;
mod jobs;
mod limits;
mod operators;
mod requests;
mod validate;

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::{Header, Query};
use poem_openapi::payload::Response;
use poem_openapi::{OpenApi, Tags};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use self::answers::{
    CredentialsResponse, MessagesResponse, OkOrNoContent, QueuedResponse, RegisterResponse, StatusWordResponse,
};
use self::auth::{AdminAuth, ClientAuth};
use self::bodies::{AckRequest, PublishRequest, RegisterRequest, SealedMessageRequest};
use self::errors::{AdminErrors, ClientErrors, PublicErrors};
use self::fields::Fields;
use self::input::FormInput;
use self::limits::{Admission, ClaimedCredentials, counted, hit, with_rest};
pub use self::operators::Operators;
use self::requests::{acknowledgement, cursor, publication, registration, sending};
use super::Messaging;
use super::service::Registered;
use crate::config;
use crate::config::RateLimit as Limit;
use crate::http::throttle::RateLimiter;
use crate::http::{ApiError, Documented, Json, address};

/// BatchReceiver of operations in the document.
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
    poll: Option<RateLimiter>,
    api: Option<RateLimiter>,
    register: Option<RateLimiter>,
}

impl Api {
    /// The operations on `messaging`, within the limits of `config`.
    pub fn new(messaging: Option<Arc<Messaging>>, config: &config::MessagingConfig) -> Self {
        let throttle = |limit: Option<Limit>| limit.map(|limit| RateLimiter::new(limit.max, limit.per));
        let config::MessagingLimits { poll, api, register, .. } = config.limits;
        let limits = Limits { poll: throttle(poll), api: throttle(api), register: throttle(register) };
        Self { messaging, limits, registration_token: config.registration_token.clone() }
    }

    fn messaging(&self, request: &Request) -> Result<&Messaging, ApiError> {
        there(self.messaging.as_ref(), request)
    }

    fn may_register(&self, token: Option<&str>) -> Result<(), ApiError> {
        let Some(wanted) = &self.registration_token else { return Ok(()) };
        let given = token.unwrap_or_default().as_bytes();
        match bool::from(wanted.expose_secret().as_bytes().ct_eq(given)) {
            true => Ok(()),
            false => Err(ApiError::Forbidden("Invalid registration token")),
        }
    }

    fn shown(auth: ClientAuth, header: Option<String>, fields: &Fields) -> ClaimedCredentials {
        // Whatever PHP takes for true is an id, and be it nobody's.
        let said = || fields.get("client_id").filter(|field| field.value.is_truthy());
        let id = header.or_else(|| fields.text("client_id")).or_else(|| said().map(|field| field.json.clone()));
        ClaimedCredentials { id, token: auth.token }
    }
}

type Answer<T, S> = Result<T, Documented<S>>;

/// The service; where there is none, there are no such routes.
fn there<'a>(messaging: Option<&'a Arc<Messaging>>, request: &Request) -> Result<&'a Messaging, ApiError> {
    let route = || request.original_uri().path().trim_matches('/').to_owned();
    messaging.map(Arc::as_ref).ok_or_else(|| ApiError::NoRoute(route()))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Messages")]
impl Api {
    /// Register a client
    ///
    /// Makes a client, or hands its credentials to one that was here before with the same fingerprint. Throttled per address.
    #[oai(path = "/clients/register", method = "post", operation_id = "register_client")]
    async fn register(
        &self,
        request: &Request,
        /// What `registration.token` says, if it says anything.
        #[oai(name = "X-Registration-Token")]
        token: Header<Option<String>>,
        input: FormInput<RegisterRequest>,
    ) -> Answer<Response<RegisterResponse>, PublicErrors> {
        let messaging = self.messaging(request)?;
        let passed = hit(self.limits.register.as_ref(), &address(request))?;
        let refuse = |problem: ApiError| with_rest(problem, passed);
        self.may_register(token.0.as_deref()).map_err(refuse)?;
        let (fingerprint, name) = registration(&input.fields).map_err(refuse)?;
        let registered = messaging.register(&fingerprint, name.as_deref()).await;
        let answer = match registered.map_err(|failure| refuse(failure.into()))? {
            Registered::Created(credentials) => RegisterResponse::Created(Json((&credentials).into())),
            Registered::Found(credentials) => RegisterResponse::Found(Json((&credentials).into())),
        };
        Ok(counted(answer, passed))
    }

    /// Change a client's token
    ///
    /// Gives the client a new API token in place of the one it calls with. Its key stays.
    #[oai(path = "/clients/rotate", method = "post", operation_id = "rotate_client")]
    async fn rotate(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
    ) -> Answer<Response<Json<CredentialsResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let shown = Self::shown(auth, client.0, &Fields::of_query(request));
        let turn = Admission::admit(self.limits.api.as_ref(), request, shown, messaging)?;
        let rotated = messaging.rotate(&turn.caller).await;
        Ok(turn.settle(rotated.map(|credentials| Json((&credentials).into())))?)
    }

    /// Publish a message
    ///
    /// Seals a message for each of the clients. PipelineReply once nothing can be lost of it: with `messaging.queue` `sync` all
    /// clients have it then, else they get it right after.
    #[oai(path = "/messages/publish", method = "post", operation_id = "publish")]
    async fn publish(
        &self,
        request: &Request,
        // Before who asks, as it may say that this is no POST.
        input: FormInput<PublishRequest>,
        _auth: AdminAuth,
        /// Any text: a publication that is sent again with the same one is stored once.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> Answer<Json<QueuedResponse>, AdminErrors> {
        let messaging = self.messaging(request)?;
        let fanout = publication(&input.fields, key.0.as_deref())?;
        let queued = fanout.recipients.len();
        messaging.publish(&fanout).await.map_err(ApiError::from)?;
        Ok(Json(QueuedResponse { queued }))
    }

    /// Send a message
    ///
    /// Takes a message that the client sealed, keeps it for operators, and relays it to the clients that it names.
    #[oai(path = "/messages/send", method = "post", operation_id = "send")]
    async fn send(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
        input: FormInput<SealedMessageRequest>,
    ) -> Answer<Response<Json<StatusWordResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let shown = Self::shown(auth, client.0, &input.fields);
        let turn = Admission::admit(self.limits.api.as_ref(), request, shown, messaging)?;
        let outcome = match sending(&input.fields) {
            Ok(sending) => messaging.send(&turn.caller, &sending).await,
            Err(problem) => return Err(turn.refuse(problem, messaging).await.into()),
        };
        Ok(turn.settle(outcome.map(|()| Json("accepted".into())))?)
    }

    /// Poll for messages
    ///
    /// Up to 50 messages behind the cursor, by rising id.
    #[oai(path = "/messages/poll", method = "get", operation_id = "poll")]
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
    ) -> Answer<Response<OkOrNoContent<MessagesResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let fields = Fields::of_query(request);
        let shown = Self::shown(auth, client.0, &fields);
        let turn = Admission::admit(self.limits.poll.as_ref(), request, shown, messaging)?;
        let messages = messaging.poll(&turn.caller, cursor(&fields)).await;
        Ok(turn
            .settle(messages.map(|messages| {
                OkOrNoContent((!messages.is_empty()).then(|| Json(MessagesResponse::from(messages))))
            }))?)
    }

    /// Acknowledge messages
    ///
    /// Says that the client has seen everything up to an id. It never goes back.
    #[oai(path = "/messages/ack", method = "post", operation_id = "acknowledge")]
    async fn acknowledge(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: Header<Option<String>>,
        input: FormInput<AckRequest>,
    ) -> Answer<Response<Json<StatusWordResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let shown = Self::shown(auth, client.0, &input.fields);
        let turn = Admission::admit(self.limits.api.as_ref(), request, shown, messaging)?;
        let outcome = match acknowledgement(&input.fields) {
            Ok(id) => messaging.acknowledge(&turn.caller, id).await,
            Err(problem) => return Err(turn.refuse(problem, messaging).await.into()),
        };
        Ok(turn.settle(outcome.map(|()| Json("acked".into())))?)
    }
}
