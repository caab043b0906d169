//! What systemd is told: that the sidecar is ready, alive, and stopping. Elsewhere (no `NOTIFY_SOCKET`) nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::app::Supervisor;

/// Tells systemd that the sidecar answers at `addresses`, and that it stops as soon as `stop` is cancelled. With `WatchdogSec=`
/// it also says regularly that the sidecar is alive, as long as the threads that answer requests are.
pub(super) fn announce(addresses: &[String], supervisor: &Supervisor, stop: CancellationToken) {
    let status = format!("listening on {}", addresses.join(", "));
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
    if let Some(limit) = sd_notify::watchdog_enabled() {
        supervisor.spawn_until_stop("watchdog", move || keep_alive(limit / 2));
    }
    tokio::spawn(async move {
        stop.cancelled().await;
        tell(&[NotifyState::Stopping]);
    });
}

async fn keep_alive(interval: Duration) {
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(interval).await;
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told; correct NotifyAccess= in the unit");
    }
}
