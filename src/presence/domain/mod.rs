//! The rules of presence: state + input + now -> decision. Pure: no clock, no store, no HTTP.
//!
//! A user has sessions (tabs, devices). The user is online while any session is active and fresh, away while none is
//! active but one is fresh, offline when none is left. Time passes first: before an input is applied, every boundary
//! that has passed (away, expiry) is turned into its change, dated at the boundary. So the change log does not depend on
//! when, and in which replica, a sweep runs.
//!
//! An application may write the same Laravel records with the PHP package. The content of that record is an argument, a
//! [`RecordLookup`]: a newer heartbeat is adopted; a record that is gone before its time means that PHP ended the
//! presence.
//!
//! Most heartbeats change nothing but a time, and write no state: see [`State::is_refresh`]. Some arrive after their
//! session has ended, and change nothing at all: see [`State::is_stale`].
//!
//! Changes are delivered through queues: see [`Outbox`].
//!
//! In reading order: `state` and `session`; `input`; `apply`, which calls `evaluation` (does the status change?) and
//! returns a `decision` with its `change`s and their `cause`s; `outbox` (which of them are queued for which endpoint); `view`.

mod apply;
mod cause;
mod change;
mod decision;
mod evaluation;
pub mod explanation;
pub mod identity;
mod input;
mod invalid_id;
pub mod lost_state;
pub mod meta;
mod outbox;
mod record;
mod refresh;
mod rules;
mod session;
mod stale;
mod state;
mod status;
mod time;
mod view;
mod whole;

pub use self::cause::Cause;
pub use self::change::{Change, Event, Transition};
pub use self::decision::Decision;
pub use self::input::{Heartbeat, Input};
pub use self::outbox::{HeldChange, Outbox, OutboxPlan, OutboxPush, OutboxQueue, Retraction};
pub use self::record::{Record, RecordLookup, RecordWrite, ValueForm};
pub use self::rules::Rules;
pub use self::session::{MAX_SESSIONS, Session, SessionEnd};
pub use self::state::State;
pub use self::status::Status;
pub use self::time::{DeviceTime, Span, Timestamp, Windows};
pub use self::view::{SessionView, View};
