//! The outbox rule: which jobs the changes of a commit push and retract.

use std::time::Duration;

use presence_sidecar::presence::domain::identity::{Id, Meta, Scope};
use presence_sidecar::presence::domain::{
    Change, Event, HeldChange, Outbox, OutboxPlan, OutboxPush, OutboxQueue, Retraction, Status, Timestamp,
};
use proptest::prelude::*;
use uuid::Uuid;

use Status::{Away, Offline, Online};

const ALL: [Event; 4] = [Event::Online, Event::Away, Event::Offline, Event::Heartbeat];
const DEBOUNCE: Duration = Duration::from_secs(30);

fn outbox(queues: &[(&[Event], Duration)]) -> Outbox {
    let queue = |(events, debounce): &(&[Event], Duration)| OutboxQueue {
        name: "queue".to_owned(),
        events: events.to_vec(),
        debounce: *debounce,
    };
    Outbox { installation: Uuid::nil(), queues: queues.iter().map(queue).collect() }
}

/// The change from one status to another.
fn change(previous: Status, status: Status) -> Change {
    Change {
        id: Uuid::nil(),
        user_id: Id::from(1),
        scope: Scope::default(),
        status,
        previous,
        seq: 1,
        occurred_at: Timestamp::from_secs(1),
        cause: None,
        meta: Meta::default(),
        trace: None,
        is_heartbeat: false,
    }
}

fn heartbeat(status: Status) -> Change {
    Change { is_heartbeat: true, ..change(status, status) }
}

/// A held job of the queue at a position, called by a number.
fn held(queue: usize, id: usize, change: Change) -> HeldChange {
    HeldChange { queue, id: id.to_string(), change: Some(change) }
}

fn retraction(queue: usize, id: usize) -> Retraction {
    Retraction { queue, id: id.to_string() }
}

fn push(queue: usize, change: usize) -> OutboxPush {
    OutboxPush { queue, change, delay: Duration::ZERO, only_if_idle: false }
}

fn pushes(plan: &OutboxPlan) -> Vec<usize> {
    plan.pushes.iter().map(|push| push.change).collect()
}

#[test]
fn each_queue_receives_the_events_that_it_is_configured_for() {
    let outbox = outbox(&[(&ALL, Duration::ZERO), (&[Event::Away], Duration::ZERO), (&[], Duration::ZERO)]);
    let changes = [change(Offline, Online), change(Online, Away), change(Away, Offline)];
    let expected = [push(0, 0), push(0, 1), push(0, 2), push(1, 1)];
    assert_eq!(outbox.plan(&changes, &[]), OutboxPlan { retractions: Vec::new(), pushes: expected.to_vec() });
}

#[test]
fn offline_alone_is_held_for_the_debounce_time_of_its_queue() {
    let outbox = outbox(&[(&ALL, DEBOUNCE), (&ALL, Duration::ZERO)]);
    let plan = outbox.plan(&[change(Online, Away), change(Away, Offline)], &[]);
    let delayed = OutboxPush { delay: DEBOUNCE, ..push(0, 1) };
    assert_eq!(plan.pushes, [push(0, 0), delayed, push(1, 0), push(1, 1)]);
}

#[test]
fn return_to_the_status_before_retracts_the_offlines_and_is_not_pushed() {
    let outbox = outbox(&[(&ALL, DEBOUNCE)]);
    let lane = [held(0, 1, change(Online, Offline)), held(0, 2, change(Offline, Offline))];
    let plan = outbox.plan(&[change(Offline, Online)], &lane);
    assert_eq!(plan, OutboxPlan { retractions: vec![retraction(0, 2), retraction(0, 1)], pushes: Vec::new() });
}

#[test]
fn return_to_another_status_retracts_the_offlines_and_is_pushed() {
    let outbox = outbox(&[(&ALL, DEBOUNCE)]);
    for (before, after) in [(Online, Away), (Away, Online), (Offline, Online)] {
        let plan = outbox.plan(&[change(Offline, after)], &[held(0, 1, change(before, Offline))]);
        assert_eq!(plan, OutboxPlan { retractions: vec![retraction(0, 1)], pushes: vec![push(0, 0)] });
    }
}

#[test]
fn return_without_held_jobs_is_pushed() {
    let plan = outbox(&[(&ALL, DEBOUNCE)]).plan(&[change(Offline, Online)], &[]);
    assert_eq!(plan, OutboxPlan { retractions: Vec::new(), pushes: vec![push(0, 0)] });
}

#[test]
fn return_is_retracted_also_where_only_offlines_are_received() {
    let plan =
        outbox(&[(&[Event::Offline], DEBOUNCE)]).plan(&[change(Offline, Away)], &[held(0, 1, change(Online, Offline))]);
    assert_eq!(plan, OutboxPlan { retractions: vec![retraction(0, 1)], pushes: Vec::new() });
}

#[test]
fn only_the_offlines_behind_any_other_held_job_are_retracted() {
    let outbox = outbox(&[(&ALL, DEBOUNCE)]);
    let unreadable = HeldChange { queue: 0, id: "2".to_owned(), change: None };
    for other in [unreadable, held(0, 2, change(Offline, Away)), held(0, 2, heartbeat(Online))] {
        let lane = [held(0, 1, change(Online, Offline)), other.clone(), held(0, 3, change(Away, Offline))];
        let plan = outbox.plan(&[change(Offline, Away)], &lane);
        assert_eq!(plan, OutboxPlan { retractions: vec![retraction(0, 3)], pushes: Vec::new() });
        let plan = outbox.plan(&[change(Offline, Away)], &lane[..2]);
        assert_eq!(plan, OutboxPlan { retractions: Vec::new(), pushes: vec![push(0, 0)] });
    }
}

#[test]
fn queues_are_planned_independently() {
    let outbox = outbox(&[(&ALL, DEBOUNCE), (&ALL, Duration::ZERO), (&ALL, DEBOUNCE)]);
    let lane = [held(0, 1, change(Online, Offline)), held(2, 1, change(Away, Offline))];
    let plan = outbox.plan(&[change(Offline, Online)], &lane);
    assert_eq!(plan.retractions, [retraction(0, 1), retraction(2, 1)]);
    assert_eq!(plan.pushes, [push(1, 0), push(2, 0)]);
    // A queue that does not debounce (any more) retracts nothing.
    let plan = outbox.plan(&[change(Offline, Online)], &[held(1, 1, change(Online, Offline))]);
    assert_eq!(plan, OutboxPlan { retractions: Vec::new(), pushes: vec![push(0, 0), push(1, 0), push(2, 0)] });
}

#[test]
fn offline_and_a_return_in_one_commit_cancel_each_other() {
    let outbox = outbox(&[(&ALL, DEBOUNCE)]);
    let there_and_back = [change(Online, Offline), change(Offline, Online)];
    assert_eq!(outbox.plan(&there_and_back, &[]), OutboxPlan::default());
    let elsewhere = [change(Online, Offline), change(Offline, Away)];
    assert_eq!(pushes(&outbox.plan(&elsewhere, &[])), [1]);
    let first_online = [change(Offline, Online), change(Online, Offline), change(Offline, Online)];
    assert_eq!(pushes(&outbox.plan(&first_online, &[])), [0]);
    // Behind the held jobs of earlier commits.
    let again = [change(Offline, Offline), change(Offline, Online)];
    let plan = outbox.plan(&again, &[held(0, 1, change(Online, Offline))]);
    assert_eq!(plan, OutboxPlan { retractions: vec![retraction(0, 1)], pushes: Vec::new() });
}

#[test]
fn heartbeat_event_is_pushed_only_into_an_empty_lane() {
    let outbox = outbox(&[(&ALL, DEBOUNCE)]);
    let if_idle = |change| OutboxPush { only_if_idle: true, ..push(0, change) };
    assert_eq!(outbox.plan(&[heartbeat(Online)], &[]).pushes, [if_idle(0)]);
    assert_eq!(outbox.plan(&[heartbeat(Online), heartbeat(Online)], &[]).pushes, [if_idle(0)]);
    assert_eq!(outbox.plan(&[change(Offline, Online), heartbeat(Online)], &[]).pushes, [push(0, 0)]);
    let returned = [change(Online, Offline), change(Offline, Online), heartbeat(Online)];
    assert_eq!(outbox.plan(&returned, &[]).pushes, [if_idle(2)]);
    let plan = outbox.plan(&[change(Offline, Online), heartbeat(Online)], &[held(0, 1, change(Online, Offline))]);
    assert_eq!(plan, OutboxPlan { retractions: vec![retraction(0, 1)], pushes: vec![if_idle(1)] });
}

#[test]
fn heartbeat_event_is_no_return() {
    let plan = outbox(&[(&ALL, DEBOUNCE)]).plan(&[heartbeat(Online)], &[held(0, 1, change(Online, Offline))]);
    assert_eq!(plan.retractions, []);
}

#[test]
fn held_jobs_are_needed_only_for_users_who_come_back_where_a_queue_debounces() {
    let (calm, direct) = (outbox(&[(&ALL, Duration::ZERO), (&[], DEBOUNCE)]), outbox(&[(&ALL, Duration::ZERO)]));
    let returning: [&[Change]; 3] = [
        &[change(Offline, Online)],
        &[change(Offline, Away), change(Away, Offline)],
        &[change(Offline, Offline), change(Offline, Online)],
    ];
    for changes in returning {
        assert!(calm.needs_held(changes), "{changes:?}");
        assert!(!direct.needs_held(changes), "{changes:?}");
    }
    let others: [&[Change]; 6] = [
        &[],
        &[heartbeat(Online)],
        &[change(Online, Away), change(Away, Offline)],
        &[change(Online, Online)],
        &[change(Offline, Offline)],
        &[change(Online, Offline), change(Offline, Online)],
    ];
    for changes in others {
        assert!(!calm.needs_held(changes), "{changes:?}");
    }
}

/// What happens in the life of a lane.
#[derive(Clone, Debug)]
enum Step {
    /// A commit: statuses the user takes on, or heartbeat events.
    Commit(Vec<Option<Status>>),
    /// All held jobs become due.
    Due,
    /// A worker delivers the first job, if it is due.
    Deliver,
}

/// A job of a lane: its change, and whether it is not due.
type LaneJob = (Change, bool);

/// The rule in its sequential form, as a store executes it change by change.
fn execute_one_by_one(queue: &OutboxQueue, lane: &mut Vec<LaneJob>, changes: &[Change]) {
    for change in changes {
        let event = change.event();
        let mut before = None;
        if !queue.debounce.is_zero() && matches!(event, Event::Online | Event::Away) {
            while let Some((last, true)) = lane.last()
                && last.status == Offline
            {
                before = Some(last.previous);
                lane.pop();
            }
        }
        let has_backlog = change.is_heartbeat && !lane.is_empty();
        if before != Some(change.status) && !has_backlog && queue.events.contains(&event) {
            lane.push((change.clone(), event == Event::Offline && !queue.debounce.is_zero()));
        }
    }
}

/// The rule as it is: the tail of the lane is read where it is needed, then the plan is executed.
fn execute_plan(outbox: &Outbox, lane: &mut Vec<LaneJob>, changes: &[Change]) {
    let mut tail = Vec::new();
    if outbox.needs_held(changes) {
        let due = lane.iter().rposition(|(_, is_held)| !is_held).map_or(0, |position| position + 1);
        let jobs = lane.iter().enumerate().skip(due);
        tail = jobs.map(|(position, (change, _))| held(0, position, change.clone())).collect();
    }
    let plan = outbox.plan(changes, &tail);
    for retraction in plan.retractions {
        assert_eq!(retraction.id, (lane.len() - 1).to_string(), "it is the last one");
        assert!(lane.pop().unwrap().1, "it is held");
    }
    for push in plan.pushes {
        if !push.only_if_idle || lane.is_empty() {
            lane.push((changes[push.change].clone(), !push.delay.is_zero()));
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop_oneof![Just(Some(Online)), Just(Some(Away)), Just(Some(Offline)), Just(None)];
    prop_oneof![
        4 => prop::collection::vec(status, 1..5).prop_map(Step::Commit),
        1 => Just(Step::Due),
        1 => Just(Step::Deliver),
    ]
}

proptest! {
    #[test]
    fn plans_lead_to_the_same_lane_as_the_sequential_rule(
        steps in prop::collection::vec(step(), 1..40),
        events in prop::sample::subsequence(ALL.to_vec(), 0..=4),
        debounce in prop_oneof![Just(Duration::ZERO), Just(DEBOUNCE)],
    ) {
        let outbox = outbox(&[(&events, debounce)]);
        let (mut expected, mut lane): (Vec<LaneJob>, Vec<LaneJob>) = (Vec::new(), Vec::new());
        let mut status = Offline;
        for step in steps {
            match step {
                Step::Commit(inputs) => {
                    let changes: Vec<Change> = inputs.into_iter().filter_map(|input| match input {
                        Some(next) => Some(change(std::mem::replace(&mut status, next), next)),
                        None => status.is_present().then(|| heartbeat(status)),
                    }).collect();
                    execute_one_by_one(&outbox.queues[0], &mut expected, &changes);
                    execute_plan(&outbox, &mut lane, &changes);
                }
                Step::Due => expected.iter_mut().chain(&mut lane).for_each(|(_, is_held)| *is_held = false),
                Step::Deliver => for lane in [&mut expected, &mut lane] {
                    if lane.first().is_some_and(|(_, is_held)| !is_held) {
                        lane.remove(0);
                    }
                },
            }
            prop_assert_eq!(&lane, &expected);
        }
    }
}
