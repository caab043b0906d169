//! `[webhook]`: where transitions are posted, and how a post is signed.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::egress::Network;

/// Every key of `[webhook]`, resolved.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebhookConfig {
    /// Where to post. `[webhook]` itself comes first, by the name `default`; then `[[webhook.endpoints]]`. Names are unique.
    pub endpoints: Vec<EndpointConfig>,
    /// Tries within one attempt, as in presence.php; 0 and 1 both mean one.
    pub retries: u32,
    /// How long an offline is held: who is back within that time was never gone. Zero holds none.
    pub debounce: Duration,
    /// The pauses between attempts; behind the last one is the dead letter.
    pub schedule: Vec<Duration>,
    /// Posts under way at once, per endpoint and replica.
    pub concurrency: usize,
    /// How long dead letters are kept.
    pub keep_dead: Duration,
    /// Where a resolved address may lie.
    pub allowed_networks: Vec<Network>,
}

/// One receiver of webhooks. Its `Debug` leaves out what may carry a secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct EndpointConfig {
    /// Its name in logs, metrics and the dead letter.
    pub name: String,
    /// The address, http or https, without user and password.
    pub url: Url,
    /// The signing secret, used as written.
    pub secret: SecretString,
    /// Secrets that still sign beside [`secret`](Self::secret) while receivers change over.
    pub previous_secrets: Vec<SecretString>,
    /// Which events it wants.
    pub send_on: SendOn,
    /// Headers added to each post; their values may be credentials.
    pub headers: Vec<(String, SecretString)>,
    /// The hash of the signature's HMAC.
    pub algo: Algo,
    /// The name of the signature's header.
    pub signature_header: String,
    /// Time for one post, from connecting to the answer's last byte.
    pub timeout: Duration,
}

impl fmt::Debug for EndpointConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query often holds a token.
        let url = &self.url[..url::Position::AfterPath];
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Endpoint")
            .field("name", &self.name)
            .field("url", &url)
            .field("previous_secrets", &self.previous_secrets.len())
            .field("send_on", &self.send_on)
            .field("headers", &headers)
            .field("algo", &self.algo)
            .field("signature_header", &self.signature_header)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Which events are posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendOn {
    /// Someone came online.
    pub online: bool,
    /// Someone went offline.
    pub offline: bool,
    /// Each heartbeat.
    pub heartbeat: bool,
    /// Someone went away.
    pub away: bool,
}

/// A hash that PHP's `hash_hmac` knows and the sidecar signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algo {
    /// SHA-256, the default.
    Sha256,
    /// SHA-224.
    Sha224,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA-512/256.
    Sha512_256,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// SHA-512/224.
    Sha512_224,
    /// SHA3-224.
    Sha3_224,
    /// Whirlpool.
    Whirlpool,
    /// RIPEMD-160.
    Ripemd160,
    /// SHA-1, for receivers that know nothing better.
    Sha1,
    /// MD5, likewise.
    Md5,
}

impl Algo {
    /// Every algorithm, the default first.
    pub const ALL: [Self; 14] = [
        Self::Sha256,
        Self::Sha224,
        Self::Sha384,
        Self::Sha512,
        Self::Sha512_256,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
        Self::Sha512_224,
        Self::Sha3_224,
        Self::Whirlpool,
        Self::Ripemd160,
        Self::Sha1,
        Self::Md5,
    ];

    /// The name as PHP's `hash_hmac` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha224 => "sha224",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha512_256 => "sha512/256",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
            Self::Sha512_224 => "sha512/224",
            Self::Sha3_224 => "sha3-224",
            Self::Whirlpool => "whirlpool",
            Self::Ripemd160 => "ripemd160",
            Self::Sha1 => "sha1",
            Self::Md5 => "md5",
        }
    }
}

impl fmt::Display for Algo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|algo| algo.name().eq_ignore_ascii_case(text));
        known.ok_or_else(|| format!("must be one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
