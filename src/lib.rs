//! A sidecar for Laravel apps: presence in the cache records of `aesircloud/laravel-presence`, webhooks for each
//! transition, and end-to-end encrypted messages for clients that poll.
//!
//! The map, in reading order. Imports point from later entries to earlier ones only; `tests/architecture` checks it.
//!
//! 1. [`php`] — PHP's formats: serialize, JSON, dates, base64, password hashes. Pure.
//! 2. [`laravel`] — Laravel's formats on top of them: cache keys, Crypt, `.env`, `Str::trim`. Pure.
//! 3. [`egress`] — the addresses that webhooks may be posted to; [`trace`] — the trace that a request belongs to. Pure.
//! 4. [`config`] — layers of configuration, resolved into one [`config::Config`] without contradictions.
//! 5. [`telemetry`] — logs and metrics.
//! 6. [`storage`] — connections to Redis and SQL databases, and request batching; [`queue`] — durable FIFO lanes with
//!    leases.
//! 7. [`http`] — what all APIs share: listener, middleware, authentication, bodies, errors, rate limits.
//! 8. [`presence`] — the first feature: who is online, away or offline.
//! 9. [`webhooks`] — the second: each transition, signed and delivered to the application.
//! 10. [`broadcast`] — the third: each change, published to browsers through Reverb or Pusher.
//! 11. [`messaging`] — the fourth: encrypted messages for clients that poll.
//! 12. [`admin_page`] — the operators' page, a client of the API in the browser.
//! 13. [`app`] — builds the program from a configuration, and [`app::run`], the program itself.
//! 14. [`client`] — the client of the messaging API; [`tui`] — the operators' full-screen view.
//! 15. [`cli`] — the commands.
//!
//! Each feature has the same layers: `domain` (pure rules) <- `store` (I/O) <- `service` (operations) <- `api` (HTTP)
//! and `worker` (background loops). `src/README.md` explains the protocols and defines the terms.

pub mod admin_page;
pub mod app;
pub mod broadcast;
pub mod cli;
pub mod client;
pub mod config;
pub mod egress;
pub mod http;
pub mod laravel;
pub mod messaging;
pub mod php;
pub mod presence;
pub mod queue;
pub mod storage;
pub mod telemetry;
pub mod trace;
pub mod tui;
pub mod webhooks;
