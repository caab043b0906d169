//! Databases that fail in odd ways: each request is answered with 503, never 500, the sidecar recovers by itself within 10
//! seconds after the cause ends, and nothing that was answered is lost.

mod disks;
mod privileges;
mod sessions;
mod summer_time;
mod tls;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Client, Engine, Sidecar, TestDatabase, on_database};

const APP_KEY: &str = "base64:J/hj9jz2Qf+Lj8cXC6Adgad1nWlF3WMGc440uVPzRzE=";

/// The longest time after the end of a fault until every request is answered again.
const RECOVERY: Duration = Duration::from_secs(10);

/// The environment of a sidecar that keeps presence and messages in a database.
fn environment(database: &TestDatabase, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let own = [
        ("APP_KEY", APP_KEY),
        ("ADMIN_TOKEN", "changeme-admin"),
        ("QUEUE_CONNECTION", "sync"),
        ("PRESENCE__MESSAGING__LIMITS__REGISTER", "100000,1"),
        ("PRESENCE__DATABASE__TIMEOUT_MS", "500"),
    ];
    let mut environment = on_database(database);
    for (name, value) in own.iter().chain(more) {
        environment.retain(|(other, _)| other != name);
        environment.push((name, (*value).to_owned()));
    }
    environment
}

/// A stream of requests, of new users and new clients, and what was answered.
struct Traffic {
    client: Client,
    count: i64,
    /// The users whose heartbeats were answered with 200.
    users: Vec<i64>,
    /// The fingerprints that were registered, with their ids.
    clients: Vec<(String, String)>,
    /// Text that makes rows larger.
    ballast: String,
    /// What is wrong with the database, for messages of the test.
    context: String,
    /// The longest time until it works again.
    recovery: Duration,
}

/// The statuses of a heartbeat, a registration and `/ready`.
type Statuses = [u16; 3];

impl Traffic {
    fn to(sidecar: &Sidecar) -> Self {
        Self::of(sidecar.client.clone())
    }

    fn of(client: Client) -> Self {
        Self {
            client,
            count: 0,
            users: Vec::new(),
            clients: Vec::new(),
            ballast: String::new(),
            context: String::new(),
            recovery: RECOVERY,
        }
    }

    async fn send(&mut self) -> Statuses {
        self.count += 1;
        let (user, name) = (self.count, format!("device-{}", self.count));
        let heartbeat = json!({"user_id": user, "meta": {"ballast": self.ballast}});
        let answers = tokio::join!(
            self.client.post("/api/v1/presence/heartbeat", heartbeat),
            self.client.post("/api/v1/clients/register", json!({"fingerprint": name})),
            self.client.get("/ready"),
        );
        for (answer, expected) in [(&answers.0, 200), (&answers.1, 201), (&answers.2, 200)] {
            assert!(answer.status == expected || answer.status == 503, "{}: {}", answer.status, answer.text);
        }
        if answers.0.status == 200 {
            self.users.push(user);
        }
        if answers.1.status == 201 {
            self.clients.push((name, answers.1.json["client_id"].as_str().unwrap().to_owned()));
        }
        [answers.0.status, answers.1.status, answers.2.status]
    }

    /// Sends requests until all three have failed at the same time.
    async fn fail(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let statuses = self.send().await;
            if statuses == [503; 3] {
                return;
            }
            assert!(Instant::now() < deadline, "{}: the database still works: {statuses:?}", self.context);
        }
    }

    /// Sends requests until all three are answered, and checks that nothing is lost that was answered before.
    async fn recover(&mut self) {
        let started = Instant::now();
        // Not only one of several connections works again.
        let mut successes = 0;
        while successes < 6 {
            let statuses = self.send().await;
            successes = if statuses == [200, 201, 200] { successes + 1 } else { 0 };
            assert!(started.elapsed() < self.recovery, "{}: no recovery: {statuses:?}", self.context);
        }
        for users in self.users.chunks(500) {
            let known = self.client.post("/api/v1/presence/many", json!({"user_ids": users})).await;
            for user in users {
                assert_eq!(known.json[user.to_string()]["status"], "online", "{user} of {}", self.users.len());
            }
        }
        for (fingerprint, id) in &self.clients {
            let answer = self.client.post("/api/v1/clients/register", json!({"fingerprint": fingerprint})).await;
            assert_eq!((answer.status, answer.json["client_id"].as_str()), (200, Some(id.as_str())));
        }
    }
}

/// The environment of a user of a server who is not root.
fn as_user(user: &'static str) -> [(&'static str, &'static str); 1] {
    [("DB_USERNAME", user)]
}

/// Creates a user who may do everything in a database, but has no rights over the server.
fn create_user(database: &TestDatabase, user: &str) {
    let name = database.name();
    match database.engine {
        Engine::Sqlite => {}
        Engine::MariaDb => {
            database.sql(&format!("CREATE USER '{user}'@'127.0.0.1'; GRANT ALL ON {name}.* TO '{user}'@'127.0.0.1'"));
        }
        Engine::Postgres => drop(database.sql(&format!(
            "CREATE ROLE {user} LOGIN; GRANT ALL ON DATABASE {name} TO {user}; GRANT ALL ON SCHEMA public TO {user}"
        ))),
    }
}
