//! All tests in one binary: what the product promises, said in sentences. Each test starts what it needs on free ports
//! in a temporary folder, and stops it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on says so by panicking"
)]

mod architecture;
mod browser;
mod config;
mod console;
mod contract;
mod crash;
mod docker;
mod docs;
mod http;
mod interop;
mod laravel;
mod messaging;
mod presence;
mod queue;
mod storage;
mod support;
mod webhooks;
