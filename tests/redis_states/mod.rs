//! Redis in odd states: full, busy, loading, without its disk, without rights; and keys that are lost.

mod full;
mod history;
mod meaning;
mod reconcile;
mod recovery;
mod rights;
mod trim;
