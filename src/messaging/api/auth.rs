//! Authentication of applications, operators and clients: tokens in headers, with the reference server's error messages.

use poem::{Request, RequestBody};
use poem_openapi::param::Header;
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, MetaSecurityScheme, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::http::auth::token_verifier;
use crate::http::connection::{CallerKind, identify};
use crate::http::error::ApiError;

/// Requires the admin token in `X-Admin-Token`.
#[derive(Debug)]
pub struct AdminAuth(());

/// Requires an operator token in `X-Operator-Token`.
#[derive(Debug)]
pub struct OperatorAuth(());

/// Unverified client credentials; the service verifies them. The client's id comes in `X-Client-Id`, in the query or in the
/// body.
#[derive(Debug)]
pub struct ClientAuth {
    /// The bearer token, parsed as Laravel's `bearerToken()` does.
    pub token: Option<String>,
}

/// The header `X-Client-Id`. The document requires it; as in the reference server, the id may be in the query or in the body
/// instead.
#[derive(Debug)]
pub struct ClientIdHeader(pub Option<String>);

const ADMIN: &str = "X-Admin-Token";
const OPERATOR: &str = "X-Operator-Token";
const CLIENT_ID: &str = "X-Client-Id";

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn api_key_scheme(name: &'static str, description: &'static str) -> MetaSecurityScheme {
    MetaSecurityScheme {
        ty: "apiKey",
        description: Some(description),
        name: Some(name),
        key_in: Some("header"),
        scheme: None,
        bearer_format: None,
        flows: None,
        openid_connect_url: None,
    }
}

impl<'a> ApiExtractor<'a> for AdminAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme("admin", api_key_scheme(ADMIN, "ADMIN_TOKEN"));
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["admin"]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let token = header(request, ADMIN).unwrap_or_default();
        match token_verifier(request).is_some_and(|verifier| verifier.is_admin(token)) {
            true => {
                identify(request, CallerKind::Trusted);
                Ok(Self(()))
            }
            false => Err(ApiError::Forbidden("Invalid admin token").into()),
        }
    }
}

impl<'a> ApiExtractor<'a> for OperatorAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme("operator", api_key_scheme(OPERATOR, "One of OPERATOR_TOKENS"));
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["operator"]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        // PHP considers "0" empty, too.
        match (header(request, OPERATOR).filter(|token| !matches!(*token, "" | "0")), token_verifier(request)) {
            (None, _) => Err(ApiError::Unauthorized { message: "Missing operator token", scheme: "Token" }.into()),
            (Some(token), Some(verifier)) if verifier.is_operator(token) => {
                identify(request, CallerKind::Trusted);
                Ok(Self(()))
            }
            _ => Err(ApiError::Forbidden("Invalid operator token").into()),
        }
    }
}

impl<'a> ApiExtractor<'a> for ClientAuth {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        let scheme = MetaSecurityScheme {
            ty: "http",
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            ..api_key_scheme("", "The api_token of a client")
        };
        registry.create_security_scheme("client", scheme);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["client"]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let authorization = header(request, "authorization").unwrap_or_default();
        Ok(Self { token: parse_bearer(authorization).map(str::to_owned) })
    }
}

impl<'a> ApiExtractor<'a> for ClientIdHeader {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let options = ExtractParamOptions { name: CLIENT_ID, ..ExtractParamOptions::default() };
        Header::<Option<String>>::from_request(request, body, options).await.map(|Header(id)| Self(id))
    }
}

/// Returns the text after the last `Bearer `, in any case, up to a comma.
fn parse_bearer(authorization: &str) -> Option<&str> {
    let start = authorization.to_ascii_lowercase().rfind("bearer ")?;
    let rest = &authorization[start + "bearer ".len()..];
    rest.split(',').next().filter(|token| !token.is_empty())
}
