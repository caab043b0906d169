//! `/presence.js`: live presence in pages, an ES module without dependencies. The folder is an npm package, too.
//!
//! The module is served under two paths: `/presence.js`, which caches revalidate by its `ETag`, and a path with the version,
//! which never changes.

use crate::http::static_file::{Caching, StaticFile};

const SCRIPT: &str = include_str!("presence.js");
const TYPES: &str = include_str!("presence.d.ts");
const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";

/// The path that names the version.
const VERSIONED: &str = concat!("/presence-", env!("CARGO_PKG_VERSION"), ".js");

/// Returns the files of the client with their paths.
pub fn files() -> [(&'static str, StaticFile); 3] {
    [
        ("/presence.js", StaticFile::new(SCRIPT, SCRIPT_TYPE, Caching::Revalidated)),
        (VERSIONED, StaticFile::new(SCRIPT, SCRIPT_TYPE, Caching::Immutable)),
        ("/presence.d.ts", StaticFile::new(TYPES, "application/typescript; charset=utf-8", Caching::Revalidated)),
    ]
}
