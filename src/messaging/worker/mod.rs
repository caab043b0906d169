//! Background tasks of messaging: fan-out of queued publications, retention, times of last requests.

mod fanout;
mod last_seen;
mod retention;

pub use self::fanout::FanoutWorker;
pub use self::last_seen::run_last_seen;
pub use self::retention::{Retention, RetentionWorker};
