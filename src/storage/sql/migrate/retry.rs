//! Retries of work that another process does at the same time.

use std::time::{Duration, Instant};

use crate::storage::sql::error::{Error, Result};
use crate::storage::sql::open::BUSY_TIMEOUT;

/// The largest number of retries.
const MAX_RETRIES: u32 = 5;

/// The pause before a file of SQLite that others use is tried again. SQLite itself waits for no lock while it prepares a new
/// file for several readers and one writer (WAL).
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Runs `work`, and retries it when another process has created the same tables or rows in the meantime, or prepares the
/// same file.
///
/// # Errors
/// The first other error, or that of the last retry.
pub(super) async fn retry_on_race<T, F>(work: impl Fn() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (mut retries, began) = (0, Instant::now());
    loop {
        match work().await {
            Err(Error::UniqueViolation | Error::Conflict(_)) if retries < MAX_RETRIES => retries += 1,
            Err(error) if error.is_busy() && began.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(BUSY_PAUSE).await,
            outcome => return outcome,
        }
    }
}
