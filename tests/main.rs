//! All tests in one binary. Each test starts the servers that it needs on free ports, with files in a temporary folder,
//! and stops them.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by a panic")]
// Lints of errors stay. Those of style would take a quarter of the time of a check.
#![allow(clippy::style, clippy::complexity, clippy::perf)]

// First, since the other modules use its macro `require!`.
#[macro_use]
mod support;

mod architecture;
mod attack;
mod broadcast;
mod browser;
mod cli;
mod clients;
mod config;
mod contract;
mod crash;
mod docker;
mod docs;
mod feed;
mod http;
mod interop;
mod laravel;
mod messaging;
mod php;
mod presence;
mod queue;
mod redis_servers;
mod redis_states;
mod storage;
mod supervision;
mod tui;
mod upgrade;
mod watching;
mod webhooks;

/// That of the binary, and quicker than the default one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
