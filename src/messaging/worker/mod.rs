//! Background tasks of messaging: the check of stored keys, fan-out of queued publications, retention, times of last requests.

mod fanout;
mod key_check;
mod last_seen;
mod retention;

pub use self::fanout::FanoutWorker;
pub use self::key_check::check_keys;
pub use self::last_seen::run_last_seen;
pub use self::retention::{Retention, RetentionWorker};
