//! Presence: the rules against a reference model, contract tests of every store, races and crashes.

mod cache_table;
mod causes;
mod committer;
mod crashes;
mod explain;
mod explain_stories;
mod foreign;
pub mod harness;
mod model;
mod outbox;
mod outbox_races;
mod outbox_rule;
mod races;
mod records;
mod recovery;
mod redis_state;
mod reference;
mod refresh;
mod replicas;
mod stale;
mod stories;
