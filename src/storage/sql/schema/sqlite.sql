-- The tables on SQLite, as Laravel's migrations make them there.

-- name: exists
SELECT COUNT(*) FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?

-- name: clients
CREATE TABLE IF NOT EXISTS {clients} (
  "id" varchar NOT NULL,
  "name" varchar,
  "api_token_hash" varchar NOT NULL,
  "encryption_key_encrypted" text NOT NULL,
  "created_at" datetime,
  "updated_at" datetime,
  "last_seen_at" datetime,
  "fingerprint" varchar,
  "api_token_encrypted" text,
  PRIMARY KEY ("id")
)

-- name: clients.1
CREATE INDEX IF NOT EXISTS "<clients>_last_seen_at_index" ON {clients} ("last_seen_at")

-- name: clients.2
CREATE UNIQUE INDEX IF NOT EXISTS "<clients>_fingerprint_unique" ON {clients} ("fingerprint")

-- name: messages
CREATE TABLE IF NOT EXISTS {messages} (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "from_client_id" varchar,
  "to_client_id" varchar NOT NULL,
  "type" varchar NOT NULL,
  "ciphertext" text NOT NULL,
  "nonce" varchar NOT NULL,
  "tag" varchar NOT NULL,
  "created_at" datetime NOT NULL
)

-- name: messages.1
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_id_index" ON {messages} ("to_client_id", "id")

-- name: messages.2
CREATE INDEX IF NOT EXISTS "<messages>_from_client_id_index" ON {messages} ("from_client_id")

-- name: messages.3
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_index" ON {messages} ("to_client_id")

-- name: message_receipts
CREATE TABLE IF NOT EXISTS {message_receipts} (
  "client_id" varchar NOT NULL,
  "last_acked_message_id" integer,
  "created_at" datetime,
  "updated_at" datetime,
  PRIMARY KEY ("client_id")
)

-- name: done_steps
CREATE TABLE IF NOT EXISTS {done_steps} (
  "id" varchar NOT NULL,
  "done_at" datetime NOT NULL,
  PRIMARY KEY ("id")
)

-- name: done_steps.1
CREATE INDEX IF NOT EXISTS "<done_steps>_done_at_index" ON {done_steps} ("done_at")

-- name: queue_lanes
CREATE TABLE IF NOT EXISTS {queue_lanes} (
  "lane_key" varchar NOT NULL,
  "queue" varchar NOT NULL,
  "ready_at" integer NOT NULL,
  PRIMARY KEY ("lane_key")
)

-- name: queue_lanes.1
CREATE INDEX IF NOT EXISTS "<queue_lanes>_queue_ready_at_index" ON {queue_lanes} ("queue", "ready_at")

-- name: queue_jobs
CREATE TABLE IF NOT EXISTS {queue_jobs} (
  "seq" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "queue" varchar NOT NULL,
  "id" varchar NOT NULL,
  "lane_key" varchar NOT NULL,
  "lane" text NOT NULL,
  "payload" blob NOT NULL,
  "not_before" integer NOT NULL,
  "pushed_at" integer NOT NULL,
  "listed_at" integer NOT NULL,
  "dead" integer NOT NULL,
  "tries" text NOT NULL
)

-- name: queue_jobs.1
CREATE UNIQUE INDEX IF NOT EXISTS "<queue_jobs>_queue_id_unique" ON {queue_jobs} ("queue", "id")

-- name: queue_jobs.2
CREATE INDEX IF NOT EXISTS "<queue_jobs>_lane_key_dead_seq_index" ON {queue_jobs} ("lane_key", "dead", "seq")

-- name: queue_jobs.3
CREATE INDEX IF NOT EXISTS "<queue_jobs>_queue_dead_listed_at_id_index" ON {queue_jobs} ("queue", "dead", "listed_at", "id")

-- name: cache
CREATE TABLE IF NOT EXISTS {cache} (
  "key" varchar NOT NULL,
  "value" text NOT NULL,
  "expiration" integer NOT NULL,
  PRIMARY KEY ("key")
)

-- name: cache.1
CREATE INDEX IF NOT EXISTS "<cache>_expiration_index" ON {cache} ("expiration")

-- name: cache_locks
CREATE TABLE IF NOT EXISTS {cache_locks} (
  "key" varchar NOT NULL,
  "owner" varchar NOT NULL,
  "expiration" integer NOT NULL,
  PRIMARY KEY ("key")
)

-- name: cache_locks.1
CREATE INDEX IF NOT EXISTS "<cache_locks>_expiration_index" ON {cache_locks} ("expiration")

-- name: presence_log
CREATE TABLE IF NOT EXISTS {presence_log} (
  "id" integer PRIMARY KEY NOT NULL,
  "last" integer NOT NULL,
  "trimmed" integer NOT NULL
)

-- name: presence_users
CREATE TABLE IF NOT EXISTS {presence_users} (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "name" varchar NOT NULL,
  "logical" text NOT NULL,
  "scope" varchar NOT NULL,
  "member" text NOT NULL,
  "status" varchar NOT NULL,
  "version" integer NOT NULL,
  "due" integer NOT NULL,
  "state" blob NOT NULL
)

-- name: presence_users.1
CREATE UNIQUE INDEX IF NOT EXISTS "<presence_users>_name_unique" ON {presence_users} ("name")

-- name: presence_users.2
CREATE INDEX IF NOT EXISTS "<presence_users>_due_index" ON {presence_users} ("due")

-- name: presence_users.3
CREATE INDEX IF NOT EXISTS "<presence_users>_scope_status_member_index" ON {presence_users} ("scope", "status", "member")

-- name: presence_counts
CREATE TABLE IF NOT EXISTS {presence_counts} (
  "scope" varchar NOT NULL,
  "status" varchar NOT NULL,
  "members" integer NOT NULL,
  PRIMARY KEY ("scope", "status")
)

-- name: presence_changes
CREATE TABLE IF NOT EXISTS {presence_changes} (
  "number" integer PRIMARY KEY NOT NULL,
  "at" integer NOT NULL,
  "change" blob NOT NULL
)
