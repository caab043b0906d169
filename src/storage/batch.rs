//! Grouping: requests that wait at the same time are answered together.
//!
//! One task takes whatever has queued up while it worked on the previous group, so that a busy server makes one round
//! trip for many callers and an idle one answers at once. No timer is involved.

use tokio::sync::{mpsc, oneshot};

use super::Unavailable;

/// At most this many requests form a group.
pub const MAX_BATCH: usize = 1_024;
/// At most this many requests wait; further callers wait for a place in the queue.
const QUEUE_CAPACITY: usize = 16 * 1024;

/// A request and the way back to its caller.
#[derive(Debug)]
pub struct Request<Q, A> {
    /// What is asked.
    pub question: Q,
    answer: oneshot::Sender<Result<A, Unavailable>>,
}

impl<Q, A> Request<Q, A> {
    /// CommitReply the caller, if it is still there.
    pub fn answer(self, answer: Result<A, Unavailable>) {
        _ = self.answer.send(answer);
    }
}

/// The callers' end.
#[derive(Debug)]
pub struct BatchSender<Q, A> {
    queue: mpsc::Sender<Request<Q, A>>,
}

/// The working end.
#[derive(Debug)]
pub struct BatchReceiver<Q, A> {
    queue: mpsc::Receiver<Request<Q, A>>,
}

/// Both ends. The working end stops when the callers' end is dropped.
pub fn grouped<Q, A>() -> (BatchSender<Q, A>, BatchReceiver<Q, A>) {
    let (sender, receiver) = mpsc::channel(QUEUE_CAPACITY);
    (BatchSender { queue: sender }, BatchReceiver { queue: receiver })
}

impl<Q, A> BatchSender<Q, A> {
    /// Asks, and waits for the answer.
    pub async fn ask(&self, question: Q) -> Result<A, Unavailable> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Request { question, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// Asks everything at once, at most [`MAX_BATCH`] questions, and waits for all answers.
    pub async fn ask_all(&self, questions: Vec<Q>) -> Result<Vec<A>, Unavailable> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let places = self.queue.reserve_many(questions.len()).await.map_err(|_| stopped())?;
        let mut waiting = Vec::with_capacity(questions.len());
        for (place, question) in places.zip(questions) {
            let (answer, answered) = oneshot::channel();
            place.send(Request { question, answer });
            waiting.push(answered);
        }
        let mut answers = Vec::with_capacity(waiting.len());
        for answered in waiting {
            answers.push(answered.await.map_err(|_| stopped())??);
        }
        Ok(answers)
    }
}

impl<Q, A> BatchReceiver<Q, A> {
    /// Waits for the next group and appends it to `group`; false when no more can come.
    ///
    /// A caller who went away meanwhile is part of it all the same: a browser that closes its page does not wait for the
    /// answer to its last heartbeat.
    pub async fn next(&mut self, group: &mut Vec<Request<Q, A>>) -> bool {
        self.queue.recv_many(group, MAX_BATCH).await > 0
    }

    /// Appends to `group` who is waiting already, as long as there is room.
    pub fn more(&mut self, group: &mut Vec<Request<Q, A>>) {
        while group.len() < MAX_BATCH {
            match self.queue.try_recv() {
                Ok(asked) => group.push(asked),
                Err(_) => return,
            }
        }
    }

    /// Fails everybody who is waiting, and `more`: the store just failed the group before, and they have waited for it.
    pub fn fail_waiting(&mut self, more: &mut Vec<Request<Q, A>>) {
        while let Ok(asked) = self.queue.try_recv() {
            more.push(asked);
        }
        for asked in more.drain(..) {
            asked.answer(Err(Unavailable::new("the store did not answer the group before")));
        }
    }
}

fn stopped() -> Unavailable {
    Unavailable::new("the sidecar is stopping")
}
