//! A database as one URL, read as Laravel's `ConfigurationUrlParser` reads it.

use url::Url;

use super::raw::{Engine, RawDatabase};
use crate::config::layers::{invalid_url, percent_decode};

/// Options of a connection that decide nothing that the sidecar reads or writes.
const IGNORED: [&str; 14] = [
    "application_name",
    "busy_timeout",
    "charset",
    "client_encoding",
    "collation",
    "connect_timeout",
    "engine",
    "foreign_key_constraints",
    "isolation_level",
    "journal_mode",
    "modes",
    "strict",
    "synchronous",
    "version",
];

/// Overrides the keys by the parts of the URL, as Laravel's `ConfigurationUrlParser` does.
pub(super) fn apply_url(text: &str, raw: &mut RawDatabase) -> Result<Engine, String> {
    const FORMS: &str = "must begin with mysql://, mariadb://, postgres://, postgresql://, pgsql:// or sqlite://";
    let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
    let engine = scheme.parse().map_err(|_| FORMS)?;
    if let Engine::Sqlite = engine {
        // `sqlite:///x` has no host; Laravel opens `x`.
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = address.split('#').next().unwrap_or_default();
        let (_, path) = path.split_once('/').ok_or("must have a file path after the third slash")?;
        raw.database = Some(percent_decode(path)?);
        apply_query(url::form_urlencoded::parse(query.as_bytes()), raw)?;
        return Ok(engine);
    }
    let url = Url::parse(text).map_err(invalid_url)?;
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        raw.host = percent_decode(host)?;
    }
    raw.port = url.port().map(i64::from).or(raw.port);
    if let Some(name) = url.path().strip_prefix('/').filter(|name| !name.is_empty()) {
        raw.database = Some(percent_decode(name)?);
    }
    if !url.username().is_empty() {
        raw.username = Some(percent_decode(url.username())?);
    }
    if let Some(password) = url.password() {
        raw.password = Some(percent_decode(password)?);
    }
    apply_query(url.query_pairs(), raw)?;
    Ok(engine)
}

/// Overrides the keys by the parameters, which Laravel merges into the connection. One that is dropped may lead to another
/// server, table or schema than the app's, so that unknown ones are refused.
fn apply_query(pairs: url::form_urlencoded::Parse<'_>, raw: &mut RawDatabase) -> Result<(), String> {
    for (name, value) in pairs {
        let text = Some(value.to_string()).filter(|text| !text.is_empty());
        match name.as_ref() {
            "sslmode" => raw.sslmode = value.into_owned(),
            "sslrootcert" | "ssl_ca" => raw.ssl_ca = text,
            "timezone" => raw.timezone = text,
            "unix_socket" => raw.socket = text,
            "search_path" | "schema" => raw.search_path = text,
            "host" => raw.host = value.into_owned(),
            "port" => raw.port = Some(value.parse().map_err(|_| "has a port that is not a number")?),
            "database" => raw.database = text,
            "username" => raw.username = text,
            "password" => raw.password = text,
            "prefix" if value.is_empty() => {}
            // The one that takes writes is always used.
            "target_session_attrs" if matches!(value.as_ref(), "any" | "read-write" | "primary") => {}
            name if IGNORED.contains(&name) => {}
            name => return Err(format!("has the parameter {name}, which is not supported: remove it")),
        }
    }
    Ok(())
}
