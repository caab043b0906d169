//! The presence wing: rules against a reference model, stories through every store, races and crashes.

mod cache_table;
mod committer;
mod crashes;
mod foreign;
mod late;
mod lost;
mod model;
mod outbox;
mod outbox_races;
mod outbox_rule;
mod races;
mod records;
mod reference;
mod replicas;
mod steady;
mod stories;
mod teller;
