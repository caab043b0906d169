//! Signing secrets of webhooks.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, SecretSlice, SecretString};

/// Base64 in the standard alphabet, with or without padding, as receivers' libraries read it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The beginning of a secret in the form of Standard Webhooks.
const PREFIX: &str = "whsec_";

/// A signing secret: the text, and the key that Standard Webhooks derives from it. `Debug` prints neither.
#[derive(Clone)]
pub struct SigningSecret {
    text: SecretString,
    standard_key: SecretSlice<u8>,
}

impl SigningSecret {
    /// The secret as configured, for the PHP package's signature.
    pub fn as_written(&self) -> &SecretString {
        &self.text
    }

    /// The key for the signature of Standard Webhooks: the decoded bytes of `whsec_<base64>`, or any other text itself.
    pub fn standard_key(&self) -> &[u8] {
        self.standard_key.expose_secret()
    }
}

impl FromStr for SigningSecret {
    type Err = String;

    /// Reads any text. A text that begins with `whsec_` must go on in base64, since receivers decode it.
    fn from_str(text: &str) -> Result<Self, String> {
        let key = match text.strip_prefix(PREFIX) {
            Some(encoded) => decode(encoded)?,
            None => text.as_bytes().to_vec(),
        };
        Ok(Self { text: SecretString::from(text), standard_key: SecretSlice::from(key) })
    }
}

fn decode(encoded: &str) -> Result<Vec<u8>, String> {
    if encoded.contains(['-', '_']) && !encoded.contains(['+', '/']) {
        return Err(
            "is url-safe base64 after whsec_, which receivers decode to another key: write + for each - and / \
                    for each _"
                .to_owned(),
        );
    }
    match LENIENT.decode(encoded) {
        Ok(key) if !key.is_empty() => Ok(key),
        _ => Err("is not base64 after whsec_: generate one with echo \"whsec_$(openssl rand -base64 32)\"".to_owned()),
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningSecret").finish_non_exhaustive()
    }
}
