//! What committers remember of users: it takes at most its bytes, and no outcome depends on it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use presence_sidecar::presence::domain::identity::{Id, Meta, Scope, SessionId, Subject};
use presence_sidecar::presence::domain::{Heartbeat, Input, State, Status, Transition};
use presence_sidecar::presence::service::clock::Clock;
use presence_sidecar::presence::{CommitContext, Metrics, Presence, PresenceCommand};
use presence_sidecar::telemetry::{Exposition, Registry};
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::harness::{StoreHarness, beat_of};

/// A service that remembers users in so many bytes.
struct Service {
    presence: Presence,
    harness: StoreHarness,
    registry: Registry,
    workers: Vec<JoinHandle<()>>,
}

impl Service {
    fn start(cache_bytes: usize) -> Self {
        let (harness, registry) = (StoreHarness::array(), Registry::new());
        let context = CommitContext {
            store: harness.store.clone(),
            clock: Arc::new(Clock::new()),
            rules: harness.rules(),
            outbox: Arc::new(ArcSwap::new(harness.outbox.clone())),
            metrics: Arc::new(Metrics::new(&registry)),
            notifier: Arc::default(),
            cache_bytes,
        };
        let (presence, workers) = Presence::new(context);
        let workers = workers.into_iter().map(|(_, worker)| tokio::spawn(worker)).collect();
        Self { presence, harness, registry, workers }
    }

    async fn apply_all(&self, subjects: impl Iterator<Item = Subject>, input: &Input) {
        let command = |subject| PresenceCommand { subject, input: input.clone(), trace: None };
        let commands: Vec<PresenceCommand> = subjects.map(command).collect();
        for commands in commands.chunks(1_000) {
            let applied = commands.iter().map(|PresenceCommand { subject, input, .. }| {
                let (subject, input) = (subject.clone(), input.clone());
                self.presence.apply(PresenceCommand { subject, input, trace: None })
            });
            join_all(applied).await.into_iter().for_each(|outcome| drop(outcome.unwrap()));
        }
    }

    /// Remembered users, and their bytes.
    fn remembered(&self) -> (usize, usize) {
        remembered(&self.registry)
    }
}

fn remembered(registry: &Registry) -> (usize, usize) {
    let text = registry.render(Exposition::Prometheus);
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    };
    (value("presence_sidecar_cached_users"), value("presence_sidecar_cached_bytes"))
}

const META: &str =
    r#"{"ip":"203.0.113.9","ua":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"}"#;

fn tenant(tenant: &str) -> Scope {
    Scope { tenant: Some(Id::text(tenant).unwrap()), ..Scope::default() }
}

fn number(user: i64) -> Subject {
    Subject::new(Id::from(user), Scope::default(), true)
}

/// The users of a tenant, whose ids are as long as a UUID.
fn named(user: usize) -> Subject {
    Subject::new(Id::text(&format!("{user:036}-x")).unwrap(), tenant("Acme"), true)
}

#[tokio::test]
async fn remembered_users_take_at_most_their_bytes_and_few_bytes_each() {
    const BYTES: usize = 256 * 1024;
    let service = Service::start(BYTES);
    service.apply_all((0..3_000).map(number), &beat_of("default", META)).await;
    let (users, bytes) = service.remembered();
    assert!(bytes <= BYTES && bytes > BYTES - 1_000, "{bytes} bytes");
    assert!(bytes / users < 250, "{} bytes each", bytes / users);
    let long = beat_of("9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", META);
    service.apply_all((0..3_000).map(named), &long).await;
    let (users, bytes) = service.remembered();
    assert!(bytes <= BYTES && bytes > BYTES - 1_000, "{bytes} bytes");
    assert!(bytes / users < 350, "{} bytes each", bytes / users);
}

#[tokio::test]
async fn users_who_left_are_not_remembered_and_nothing_is_after_the_end() {
    let service = Service::start(1 << 20);
    service.apply_all((0..10).map(number), &beat_of("default", "{}")).await;
    assert_eq!(service.remembered().0, 10);
    let gone = Input::Offline { session: None, meta: Meta::default(), sent_at: None };
    service.apply_all((0..4).map(number), &gone).await;
    assert_eq!(service.remembered().0, 6);
    let Service { presence, registry, workers, .. } = service;
    drop(presence);
    join_all(workers).await;
    assert_eq!(remembered(&registry), (0, 0));
}

/// A user, as an application spells it: several spellings have one key.
fn spellings() -> impl Strategy<Value = Subject> {
    let ids = prop_oneof![
        Just(Id::from(7)),
        Just(Id::text("7").unwrap()),
        Just(Id::text("bob").unwrap()),
        Just(Id::text("Bob").unwrap()),
        Just(Id::text("007").unwrap()),
    ];
    let scopes = prop_oneof![Just(Scope::default()), Just(tenant("acme")), Just(tenant("Acme"))];
    (ids, scopes).prop_map(|(id, scope)| Subject::new(id, scope, true))
}

fn inputs() -> impl Strategy<Value = Input> {
    let sessions = prop_oneof![3 => Just("default"), 1 => Just("tab")];
    let meta = prop_oneof![Just("[]"), Just(r#"{"page":1}"#), Just(META)];
    (sessions, meta, prop_oneof![6 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)]).prop_map(
        |(session, meta, kind)| {
            let (id, meta) = (SessionId::new(session).unwrap(), Meta::from_json(meta).unwrap());
            match kind {
                0 | 1 => Input::Heartbeat(Heartbeat { session: id, active: kind == 0, meta, sent_at: None }),
                2 => Input::Offline { session: Some(id), meta, sent_at: None },
                _ => Input::Online(Heartbeat { session: id, active: true, meta, sent_at: None }),
            }
        },
    )
}

/// What does not depend on the time of a call.
type Seen = (Status, Meta, Vec<(SessionId, Status)>, Option<Transition>);

async fn seen(service: &Service, subject: Subject, input: Input) -> (Seen, Option<State>) {
    let key = subject.key.clone();
    let outcome = service.presence.apply(PresenceCommand { subject, input, trace: None }).await.unwrap();
    let sessions = outcome.view.sessions.into_iter().map(|session| (session.id, session.status)).collect();
    let now = service.presence.now();
    let stored = service.harness.store.load(&[key], now).await.unwrap().remove(0).current(now);
    ((outcome.view.status, outcome.view.meta, sessions, outcome.transition), stored)
}

fn assert_alike(left: Option<State>, right: Option<State>) {
    let timeless = |state: State| {
        let sessions: Vec<_> = state.sessions.into_iter().map(|session| (session.id, session.active)).collect();
        (state.user, state.scope, state.status, sessions, state.meta, state.ended)
    };
    assert_eq!(left.map(timeless), right.map(timeless));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_outcome_and_no_stored_state_depends_on_what_is_remembered(
        steps in prop::collection::vec((spellings(), inputs()), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (remembering, forgetful) = (Service::start(1 << 20), Service::start(0));
            for (subject, input) in steps {
                let (left, left_state) = seen(&remembering, subject.clone(), input.clone()).await;
                let (right, right_state) = seen(&forgetful, subject, input).await;
                assert_eq!(left, right);
                assert_alike(left_state, right_state);
            }
            assert_eq!(forgetful.remembered(), (0, 0));
        });
    }
}
