//! Batches of requests that wait at the same time.

use std::time::Duration;

use futures_util::FutureExt;
use presence_sidecar::storage::batch::batch_channel;

#[tokio::test]
async fn what_a_dropped_wait_has_taken_is_in_the_next_batch() {
    let (sender, mut receiver) = batch_channel::<u8, u8>();
    let call = tokio::spawn(async move { sender.call(7).await });
    tokio::task::yield_now().await;
    let mut batch = Vec::new();
    // It has taken the request, and lets other tasks run.
    assert!(receiver.next(&mut batch).now_or_never().is_none());
    assert_eq!(batch.len(), 1);
    let next = tokio::time::timeout(Duration::from_secs(10), receiver.next(&mut batch)).await;
    assert_eq!((next.ok(), batch.len()), (Some(true), 1));
    batch.remove(0).reply(Ok(8));
    assert_eq!(call.await.unwrap().unwrap(), 8);
    assert!(!receiver.next(&mut batch).await, "the callers' end is dropped");
}
