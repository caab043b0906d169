//! Which tokens are valid, and what a user token says.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

/// Seconds by which the application's clock may be ahead: a token may be used that long before its `nbf`. Its `exp` is
/// exact.
const MAX_CLOCK_SKEW: u64 = 5;

/// Verifies the tokens that this sidecar accepts.
pub struct TokenVerifier {
    services: Vec<SecretString>,
    admins: Vec<SecretString>,
    operators: Vec<SecretString>,
    users: Vec<DecodingKey>,
    validation: Validation,
}

impl TokenVerifier {
    /// Accepts the tokens `services`, and user tokens signed with one of `users`, or with one of `services` if `users`
    /// is empty.
    pub fn new(services: &[SecretString], users: &[SecretString]) -> Self {
        let signing = if users.is_empty() { services } else { users };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_nbf = true;
        validation.leeway = MAX_CLOCK_SKEW;
        // The leeway is for both times: what it adds to `exp` is taken back, and the second of `exp` itself.
        validation.reject_tokens_expiring_in_less_than = MAX_CLOCK_SKEW + 1;
        // An application may name an audience for other services; the secret proves that the token is for this one.
        validation.validate_aud = false;
        Self {
            services: services.to_vec(),
            admins: Vec::new(),
            operators: Vec::new(),
            // An empty secret is refused by the library: it would verify what anyone has signed.
            users: signing.iter().filter_map(decoding_key).collect(),
            validation,
        }
    }

    /// Adds admin tokens.
    #[must_use]
    pub fn with_admins(self, admins: Vec<SecretString>) -> Self {
        Self { admins, ..self }
    }

    /// Adds operator tokens.
    #[must_use]
    pub fn with_operators(self, operators: Vec<SecretString>) -> Self {
        Self { operators, ..self }
    }

    /// Whether `token` is a service token. Constant time: it does not depend on how much of the token is right.
    pub fn is_service(&self, token: &str) -> bool {
        is_one_of(&self.services, token)
    }

    /// Whether `token` is an admin token. Constant time.
    pub fn is_admin(&self, token: &str) -> bool {
        is_one_of(&self.admins, token)
    }

    /// Whether `token` is an operator token. Constant time.
    pub fn is_operator(&self, token: &str) -> bool {
        is_one_of(&self.operators, token)
    }

    /// The claims of a valid user token; `None` for an invalid one.
    pub fn user(&self, token: &str) -> Option<Claims> {
        let decode = |key| jsonwebtoken::decode::<Map<String, Value>>(token, key, &self.validation).ok();
        let claims = self.users.iter().find_map(decode)?.claims;
        match claims.get("sub") {
            Some(Value::String(user)) if user.trim().is_empty() => None,
            Some(Value::String(_) | Value::Number(_)) => Some(Claims(claims)),
            _ => None,
        }
    }
}

fn decoding_key(secret: &SecretString) -> Option<DecodingKey> {
    DecodingKey::from_secret(secret.expose_secret().as_bytes()).ok()
}

fn is_one_of(known: &[SecretString], token: &str) -> bool {
    let equal = |known: &SecretString| bool::from(known.expose_secret().as_bytes().ct_eq(token.as_bytes()));
    known.iter().fold(false, |found, known| found | equal(known))
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

/// The claims of a valid user token.
#[derive(Clone, Debug)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// The claim called `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The remaining lifetime of the token.
    pub fn expires_in(&self) -> Option<Duration> {
        let expires = self.0.get("exp")?.as_f64()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of seconds since 1970")]
        Some(Duration::from_secs((expires as u64).saturating_sub(jsonwebtoken::get_current_timestamp())))
    }
}
