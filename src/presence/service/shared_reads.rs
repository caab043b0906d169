//! Reads that many callers ask for at the same time, each made once for all of them.
//!
//! A caller that comes while its query is being read waits for the next read of it, which begins after the call: it never gets
//! an answer that is older than its call. Different queries are read at the same time.

use std::collections::HashMap;
use std::hash::Hash;

use tokio::task;
use tokio::task::JoinSet;

use crate::presence::store::Result;
use crate::storage::batch::{BatchReceiver, Request};

/// How the answer to a query is read.
pub(super) trait SharedRead: Clone + Send + Sync + 'static {
    /// What callers ask for.
    type Query: Clone + Eq + Hash + Send + Sync + 'static;
    /// What all callers of a query get.
    type Answer: Clone + Send + 'static;

    /// Reads the answer.
    fn read(&self, query: &Self::Query) -> impl Future<Output = Result<Self::Answer>> + Send;
}

/// A call for an answer.
type Call<R> = Request<<R as SharedRead>::Query, <R as SharedRead>::Answer>;

/// The queries that are being read, each with the callers who wait for its next read.
struct Reads<R: SharedRead> {
    reader: R,
    waiting: HashMap<R::Query, Vec<Call<R>>>,
    running: JoinSet<()>,
    /// What each task reads: one that panics does not return it.
    queries: HashMap<task::Id, R::Query>,
}

impl<R: SharedRead> Reads<R> {
    /// Begins to read for some callers.
    fn begin(&mut self, query: R::Query, callers: Vec<Call<R>>) {
        self.waiting.insert(query.clone(), Vec::new());
        let (reader, asked) = (self.reader.clone(), query.clone());
        // After a panic the callers get an error, as their requests are dropped.
        let read = self.running.spawn(async move {
            let answer = reader.read(&asked).await;
            callers.into_iter().for_each(|caller| caller.reply(answer.clone()));
        });
        self.queries.insert(read.id(), query);
    }

    /// Has a caller wait for its answer.
    fn add(&mut self, caller: Call<R>) {
        match self.waiting.get_mut(&caller.payload) {
            Some(waiting) => waiting.push(caller),
            None => self.begin(caller.payload.clone(), vec![caller]),
        }
    }

    /// Begins the next read of the query of a task that has ended.
    fn go_on(&mut self, ended: task::Id) {
        let query = self.queries.remove(&ended);
        if let Some((query, callers)) = query.and_then(|query| self.waiting.remove_entry(&query))
            && !callers.is_empty()
        {
            self.begin(query, callers);
        }
    }
}

/// Reads for all callers of a channel, until no more can come.
pub(super) async fn run<R: SharedRead>(reader: R, mut receiver: BatchReceiver<R::Query, R::Answer>) {
    let mut reads = Reads { reader, waiting: HashMap::new(), running: JoinSet::new(), queries: HashMap::new() };
    let mut callers = Vec::new();
    loop {
        tokio::select! {
            Some(ended) = reads.running.join_next_with_id() => {
                reads.go_on(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            is_open = receiver.next(&mut callers) => match is_open {
                true => callers.drain(..).for_each(|caller| reads.add(caller)),
                false => return,
            },
        }
    }
}
