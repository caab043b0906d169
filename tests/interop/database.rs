//! A Laravel with `CACHE_STORE=database` beside a sidecar on the same database: each reads what the other writes.

use serde_json::{Value, json};

use super::laravel::Laravel;
use super::{Env, key_of};
use crate::support::{Answer, ENGINES, Engine, Sidecar, TestDatabase, on_database};

const ENV: &Env<'static> =
    &[("PRESENCE_LARAVEL_VERSION", "8"), ("CACHE_PREFIX", "shop_cache"), ("APP_TIMEZONE", "Europe/Berlin")];

/// The table of Laravel 8, with 32-bit seconds.
const OLD_TABLE: &str = "\\Illuminate\\Support\\Facades\\Schema::create('cache', function ($table) {
    $table->string('key')->primary(); $table->mediumText('value'); $table->integer('expiration'); })";

/// App and sidecar on one database, with the app's or the sidecar's table.
struct Pair {
    database: TestDatabase,
    sidecar: Sidecar,
    laravel: Laravel,
}

impl Pair {
    async fn start(engine: Engine, old_table: bool) -> Self {
        let database = TestDatabase::create(engine);
        if engine == Engine::Sqlite {
            std::fs::write(database.file(), "").unwrap(); // Laravel does not make it.
        }
        let mut laravel = Laravel::on_database(&database, ENV);
        if old_table {
            laravel.evaluate(OLD_TABLE).unwrap();
        }
        let mut environment = on_database(&database);
        environment.extend(ENV.iter().map(|&(name, value)| (name, value.to_owned())));
        let sidecar = Sidecar::with(&environment).await;
        sidecar.client.get("/ready").await;
        Self { database, sidecar, laravel }
    }

    async fn beat(&self, meta: Value) -> Answer {
        self.sidecar.client.post("/api/v1/presence/heartbeat", json!({"user_id": 7, "meta": meta})).await
    }

    async fn status(&self) -> Value {
        self.sidecar.client.get("/api/v1/presence/status/7").await.json
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn laravel_reads_and_forgets_records_of_the_sidecar() {
    require!("laravel");
    for (engine, old_table) in ENGINES.into_iter().flat_map(|engine| [(engine, true), (engine, false)]) {
        let mut pair = Pair::start(engine, old_table).await;
        let meta = json!({"device": "phone", "mood": "😀é", "nul": "a\u{0}b", "n": [1, 2.5, null, true]});
        assert_eq!(pair.beat(meta.clone()).await.status, 200, "{engine:?}");
        let record = pair.laravel.get(&key_of("7"));
        assert_eq!(record["meta"], meta, "{engine:?}");
        assert!(record["last_seen_at"].as_str().unwrap().ends_with("+01:00"), "{record}");
        assert_eq!(pair.laravel.status("7")["status"], "online", "{engine:?}");
        assert!((118..=120).contains(&pair.laravel.ttl(&key_of("7"))), "{engine:?}");

        pair.laravel.forget(&key_of("7"));
        assert_eq!(pair.status().await["status"], "offline", "{engine:?}");
        assert_eq!(pair.beat(json!([])).await.json["status"], "online", "{engine:?}");
        assert_eq!(pair.status().await["status"], "online", "{engine:?}");
        let count = pair.database.lines("SELECT COUNT(*) FROM cache");
        assert_eq!(count, ["1"], "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecar_reads_and_ends_records_of_laravel() {
    require!("laravel");
    for engine in ENGINES {
        let mut pair = Pair::start(engine, true).await;
        pair.laravel.heartbeat("7", &json!({"device": "desk"}));
        let status = pair.status().await;
        assert_eq!((&status["status"], &status["meta"]["device"]), (&json!("online"), &json!("desk")), "{engine:?}");
        let many = pair.sidecar.client.post("/api/v1/presence/many", json!({"user_ids": [7, 8]})).await.json;
        assert_eq!((&many["7"]["status"], &many["8"]["status"]), (&json!("online"), &json!("offline")), "{engine:?}");

        // An object with private properties has NUL bytes in PHP's serialize format.
        pair.laravel.put(
            &key_of("7"),
            "['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => ['at' => new ArrayObject([1])]]",
            60,
        );
        assert_eq!(pair.status().await["status"], "online", "{engine:?}");

        let ended = pair.sidecar.client.post("/api/v1/presence/offline", json!({"user_id": 7})).await;
        assert_eq!(ended.json["status"], "offline", "{engine:?} {}", ended.text);
        assert_eq!(pair.laravel.get(&key_of("7")), json!(null), "{engine:?}");
        assert_eq!(pair.laravel.status("7")["status"], "offline", "{engine:?}");
    }
}
