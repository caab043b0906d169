//! Replicas with cached states, against the reference model.

use presence_sidecar::presence::domain::{Decision, Input, OutboxPlan, RecordLookup, State, Status, Timestamp};
use presence_sidecar::presence::store::{Commit, Committed, StoredUser};
use proptest::prelude::*;

use super::harness::{START, StoreHarness, subject};
use super::model::{events, input, windows};
use super::reference::{Event, Reference};

/// The cached state of the user in a replica.
#[derive(Default)]
struct Replica(Option<State>);

impl Replica {
    async fn act(&mut self, harness: &StoreHarness, input: Input, now: Timestamp) -> Decision {
        let (subject, windows) = (subject(1), &harness.windows);
        let enough = |state: &State| state.is_sufficient_for(&subject, &input, windows, now);
        let mut known = match self.0.take().filter(enough) {
            Some(state) => StoredUser { version: state.version, state: Some(state), record: RecordLookup::Unknown },
            None => harness.store.load(std::slice::from_ref(&subject.key), now).await.unwrap().remove(0),
        };
        loop {
            let StoredUser { version: expected, state, record } = known;
            let roster_status = state.as_ref().map_or(Status::Offline, |state| state.status);
            let decision = harness.rules().apply(state, record, &subject, input.clone(), now);
            let outbox = OutboxPlan::default();
            let commit = Commit { key: subject.key.clone(), expected, roster_status, decision, outbox };
            match harness.store.commit(std::slice::from_ref(&commit), now).await.unwrap().remove(0) {
                Committed::Done => {
                    self.0.clone_from(&commit.decision.state);
                    return commit.decision;
                }
                Committed::Conflict(current) => known = *current,
            }
        }
    }
}

/// Sweeps once a second, `late` microseconds after it began.
async fn sweep(harness: &StoreHarness, from: Timestamp, until: Timestamp, late: i64) {
    for second in from.secs()..=until.secs() {
        let at = Timestamp::from_micros(second * 1_000_000 + late);
        if from < at && at <= until {
            harness.sweep().step(at).await.unwrap();
        }
    }
}

/// What happens, how many milliseconds after the last event, and on which replica.
type Story = Vec<(i64, Event, usize)>;

async fn assert_the_log_is_that_of_the_definition(story: Story, late: i64) {
    let harness = StoreHarness { windows: windows(), ..StoreHarness::array() };
    let mut reference = Reference::new(START);
    let mut replicas = [Replica::default(), Replica::default()];
    let mut now = START;
    for (millis, event, replica) in story {
        let before = now;
        now = Timestamp::from_micros(now.micros() + millis * 1_000);
        sweep(&harness, before, now, late).await;
        reference.happen(&event, now);
        let decision = replicas[replica].act(&harness, input(&event), now).await;
        assert_eq!(decision.status(), reference.status(), "{event:?}");
    }
    let changes = harness.changes().await;
    assert!(changes.is_sorted_by(|(_, left), (_, right)| left.seq < right.seq));
    let log: Vec<_> = changes.iter().map(|(_, change)| (change.status, change.occurred_at.micros())).collect();
    assert_eq!(log, reference.log);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::support::cases(500)))]

    #[test]
    fn two_replicas_and_a_sweep_record_what_the_definition_says(
        events in events(),
        replicas in prop::collection::vec(0..2_usize, 60),
        hurry in prop_oneof![Just(1_i64), Just(6)],
        late in 0..1_000_000_i64,
    ) {
        let story = events.into_iter().zip(replicas);
        let story = story.map(|((millis, event), replica)| (millis / hurry, event, replica)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(assert_the_log_is_that_of_the_definition(story, late));
    }
}
