//! A sidecar for Laravel apps: presence in the very cache records of `aesircloud/laravel-presence`, and what PHP cannot
//! do inside a request.
//!
//! The map, in the order to read it. Arrows point down only; `tests/architecture.rs` says so.
//!
//! 1. [`laravel`] — the formats shared with PHP: serialize, cache keys, dates, JSON, `.env`. Pure.
//! 2. [`config`] — layers of configuration, resolved into one that cannot contradict itself.
//! 3. [`telemetry`] — logs and metrics.
//! 4. [`backend`] — connections to what remembers; [`database`] — SQLite, MySQL and Postgres behind one face, and the
//!    tables in them; [`queue`] — durable leased lanes; [`group`] — one round trip for many callers.
//! 5. [`http`] — the edge all wings share: who calls, bodies, errors, limits, the accept loop.
//! 6. [`presence`] — the first wing: rules, stores, service, sweep, API.
//! 7. [`webhooks`] — the second: every change, signed and delivered to the application.
//! 8. [`messaging`] — the third: sealed messages for clients that poll.
//! 9. [`app`] — the composition root, and [`app::run`], the program.
//! 10. [`client`] — the other side of messaging; [`console`] — the operators' full-screen view on it.
//! 11. [`cli`] — the commands.

pub mod app;
pub mod backend;
pub mod cli;
pub mod client;
pub mod config;
pub mod console;
pub mod database;
pub mod group;
pub mod http;
pub mod laravel;
pub mod messaging;
pub mod presence;
pub mod queue;
pub mod telemetry;
pub mod webhooks;
