//! The operations of clients and applications.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Query};
use poem_openapi::payload::Response;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::auth::{AdminAuth, ClientAuth, ClientIdHeader};
use super::cross_site::forbid_cross_site_form;
use super::errors::{AdminErrors, ClientErrors, PublicErrors};
use super::fields::Fields;
use super::form_input::FormInput;
use super::limits::{Admission, ClaimedCredentials, acquire, acquire_bytes, rate_limited, with_rate_limit};
use super::parse::{parse_acknowledgement, parse_cursor, parse_publication, parse_registration, parse_send};
use super::requests::{AckRequest, PublishRequest, RegisterRequest, SealedMessageRequest};
use super::responses::{
    AcknowledgementResponse, CredentialsResponse, MessagesResponse, OkOrNoContent, QueuedResponse, RegisterResponse,
};
use super::routing::{ApiResult, Tag, require_messaging};
use crate::config;
use crate::http::connection::{CallerKind, identify};
use crate::http::throttle::RateLimiter;
use crate::http::{ApiError, Json, address};
use crate::messaging::Messaging;
use crate::messaging::service::RegistrationResult;

/// The operations of clients and applications. Without a messaging service they return 404.
pub struct Api {
    messaging: Option<Arc<Messaging>>,
    settings: ClientSettings,
}

/// The settings of clients that a reload of the configuration replaces. Clones share them.
#[derive(Clone)]
pub struct ClientSettings {
    poll: RateLimiter,
    api: RateLimiter,
    register: RateLimiter,
    stored_bytes: RateLimiter,
    registration_token: Arc<ArcSwapOption<SecretString>>,
}

impl ClientSettings {
    /// The settings of `config`.
    pub fn new(config: &config::MessagingConfig) -> Self {
        let config::MessagingLimits { poll, api, register, stored_bytes, .. } = config.limits;
        let [poll, api, register, stored_bytes] = [poll, api, register, stored_bytes].map(RateLimiter::new);
        let registration_token = Arc::new(ArcSwapOption::from_pointee(config.registration_token.clone()));
        Self { poll, api, register, stored_bytes, registration_token }
    }

    /// Replaces the settings by those of `config`.
    pub fn replace(&self, config: &config::MessagingConfig) {
        let config::MessagingLimits { poll, api, register, stored_bytes, .. } = config.limits;
        self.poll.set(poll);
        self.api.set(api);
        self.register.set(register);
        self.stored_bytes.set(stored_bytes);
        self.registration_token.store(config.registration_token.clone().map(Arc::new));
    }
}

impl Api {
    /// Creates the operations on `messaging`.
    pub fn new(messaging: Option<Arc<Messaging>>, settings: ClientSettings) -> Self {
        Self { messaging, settings }
    }

    fn messaging(&self, request: &Request) -> Result<&Messaging, ApiError> {
        require_messaging(self.messaging.as_ref(), request).map(Arc::as_ref)
    }

    /// Checks the registration token, if the configuration has one.
    fn check_registration_token(&self, token: Option<&str>) -> Result<(), ApiError> {
        let expected = self.settings.registration_token.load();
        let Some(expected) = expected.as_ref() else { return Ok(()) };
        let given = token.unwrap_or_default().as_bytes();
        match bool::from(expected.expose_secret().as_bytes().ct_eq(given)) {
            true => Ok(()),
            false => Err(ApiError::Forbidden("Invalid registration token")),
        }
    }

    /// Checks the credentials and the rate limits of a request, and then reads its body.
    ///
    /// A client whose id is in the header is authenticated before its body is read. Otherwise the id may be in the body,
    /// which must be small then.
    async fn admit<'a, T>(
        &'a self,
        request: &Request,
        (auth, client): (ClientAuth, Option<String>),
        input: FormInput<T>,
    ) -> Result<(Admission<'a>, Fields), ApiError> {
        let (messaging, limiter) = (self.messaging(request)?, self.settings.api.active());
        if client.is_none() && auth.token.is_some() {
            Admission::check_address(limiter, request)?;
            let fields = input.read(request).await?;
            let claimed = Self::claimed(auth, None, &fields);
            return Admission::check(limiter, request, claimed, messaging).map(|admission| (admission, fields));
        }
        let claimed = ClaimedCredentials { id: client, token: auth.token };
        let admission = Admission::check(limiter, request, claimed, messaging)?.authenticate(messaging).await?;
        identify(request, CallerKind::Client);
        let fields = input.read(request).await?;
        Ok((admission, fields))
    }

    fn claimed(auth: ClientAuth, header: Option<String>, fields: &Fields) -> ClaimedCredentials {
        // Any value that PHP considers true counts as an id, also if no client has it.
        let truthy = || fields.get("client_id").filter(|field| field.value.is_truthy());
        let id = header.or_else(|| fields.text("client_id")).or_else(|| truthy().map(|field| field.json.clone()));
        ClaimedCredentials { id, token: auth.token }
    }
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Messages")]
impl Api {
    /// Register a client
    ///
    /// Creates a client, or returns the credentials of the existing client with this fingerprint. Rate-limited by IP address.
    #[oai(path = "/clients/register", method = "post", operation_id = "register_client")]
    async fn register(
        &self,
        request: &Request,
        /// The value of `registration.token`, if it is set.
        #[oai(name = "X-Registration-Token")]
        token: Header<Option<String>>,
        input: FormInput<RegisterRequest>,
    ) -> ApiResult<Response<RegisterResponse>, PublicErrors> {
        let messaging = self.messaging(request)?;
        let allowed = acquire(self.settings.register.active(), &address(request))?;
        let refuse = |error: ApiError| with_rate_limit(error, allowed);
        self.check_registration_token(token.0.as_deref()).map_err(refuse)?;
        forbid_cross_site_form(request).map_err(refuse)?;
        let fields = input.read(request).await?;
        let (fingerprint, name) = parse_registration(&fields).map_err(refuse)?;
        let registered = messaging.clients.register(&fingerprint, name.as_deref()).await;
        let response = match registered.map_err(|error| refuse(error.into()))? {
            RegistrationResult::Created(credentials) => RegisterResponse::Created(Json((&credentials).into())),
            RegistrationResult::Found(credentials) => RegisterResponse::Found(Json((&credentials).into())),
        };
        Ok(rate_limited(response, allowed))
    }

    /// Rotate a client's token
    ///
    /// Replaces the API token of the client with a new one. Its key stays the same.
    #[oai(path = "/clients/rotate", method = "post", operation_id = "rotate_client")]
    async fn rotate(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: ClientIdHeader,
    ) -> ApiResult<Response<Json<CredentialsResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let claimed = Self::claimed(auth, client.0, &Fields::from_query(request));
        let admission = Admission::check(self.settings.api.active(), request, claimed, messaging)?;
        let rotated = messaging.clients.rotate(&admission.caller).await;
        Ok(admission.respond(rotated.map(|credentials| Json((&credentials).into())))?)
    }

    /// Publish a message
    ///
    /// Seals a message for each of the clients. The response is sent once the message cannot be lost: with `messaging.queue`
    /// `sync` it is stored for all clients then, otherwise shortly after.
    #[oai(path = "/messages/publish", method = "post", operation_id = "publish")]
    async fn publish(
        &self,
        request: &Request,
        // Before authentication, since a header may override the method.
        input: FormInput<PublishRequest>,
        _auth: AdminAuth,
        /// Any text: a publication that is repeated with the same key, recipients, type and payload is stored once.
        #[oai(name = "Idempotency-Key")]
        key: Header<Option<String>>,
    ) -> ApiResult<Json<QueuedResponse>, AdminErrors> {
        let messaging = self.messaging(request)?;
        let fields = input.read(request).await?;
        let fanout = parse_publication(&fields, key.0.as_deref())?;
        let queued = fanout.recipients.len();
        messaging.publisher.publish(&fanout).await.map_err(ApiError::from)?;
        Ok(Json(QueuedResponse { queued }))
    }

    /// Send a message
    ///
    /// Accepts a message that the client sealed, stores it for operators, and relays it to the clients that it names.
    #[oai(path = "/messages/send", method = "post", operation_id = "send")]
    async fn send(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: ClientIdHeader,
        input: FormInput<SealedMessageRequest>,
    ) -> ApiResult<Response<Json<AcknowledgementResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let (admission, fields) = self.admit(request, (auth, client.0), input).await?;
        let send = match parse_send(&fields) {
            Ok(send) => send,
            Err(error) => return Err(admission.refuse(error, messaging).await.into()),
        };
        drop(fields);
        let opened = match messaging.messages.open(&admission.caller, send).await {
            Ok(opened) => opened,
            Err(error) => return Err(admission.fail(error).into()),
        };
        acquire_bytes(self.settings.stored_bytes.active(), &address(request), opened.stored_bytes())?;
        let result = messaging.messages.store(opened).await;
        Ok(admission.respond(result.map(|()| Json("accepted".into())))?)
    }

    /// Poll for messages
    ///
    /// Returns up to 50 messages, and up to 1 MiB, after the cursor, by ascending id.
    #[oai(path = "/messages/poll", method = "get", operation_id = "poll")]
    async fn poll(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: ClientIdHeader,
        /// The greatest id received so far. Default: the acknowledged id.
        #[oai(name = "cursor")]
        _cursor: Query<Option<String>>,
    ) -> ApiResult<Response<OkOrNoContent<MessagesResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let fields = Fields::from_query(request);
        let claimed = Self::claimed(auth, client.0, &fields);
        let admission = Admission::check(self.settings.poll.active(), request, claimed, messaging)?;
        let messages = messaging.messages.poll(&admission.caller, parse_cursor(&fields)).await;
        let body = messages.map(|messages| match messages.is_empty() {
            true => OkOrNoContent(None),
            false => OkOrNoContent(Some(Json(MessagesResponse::from(messages)))),
        });
        Ok(admission.respond(body)?)
    }

    /// Acknowledge messages
    ///
    /// Stores that the client has received all messages up to an id. The stored id never decreases.
    #[oai(path = "/messages/ack", method = "post", operation_id = "acknowledge")]
    async fn acknowledge(
        &self,
        request: &Request,
        auth: ClientAuth,
        /// The client's id.
        #[oai(name = "X-Client-Id")]
        client: ClientIdHeader,
        input: FormInput<AckRequest>,
    ) -> ApiResult<Response<Json<AcknowledgementResponse>>, ClientErrors> {
        let messaging = self.messaging(request)?;
        let (admission, fields) = self.admit(request, (auth, client.0), input).await?;
        let result = match parse_acknowledgement(&fields) {
            Ok(id) => messaging.messages.acknowledge(&admission.caller, id).await,
            Err(error) => return Err(admission.refuse(error, messaging).await.into()),
        };
        Ok(admission.respond(result.map(|()| Json("acked".into())))?)
    }
}
