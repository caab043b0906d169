-- The tables on Postgres, as Laravel's migrations make them there.

-- name: exists
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false)) AND table_name = ?

-- name: clients
CREATE TABLE IF NOT EXISTS {clients} (
  "id" uuid NOT NULL PRIMARY KEY,
  "name" varchar(255) NULL,
  "api_token_hash" varchar(255) NOT NULL,
  "encryption_key_encrypted" text NOT NULL,
  "created_at" timestamp(0) without time zone NULL,
  "updated_at" timestamp(0) without time zone NULL,
  "last_seen_at" timestamp(0) without time zone NULL,
  "fingerprint" varchar(255) NULL,
  "api_token_encrypted" text NULL,
  CONSTRAINT "<clients>_fingerprint_unique" UNIQUE ("fingerprint")
)

-- name: clients.1
CREATE INDEX IF NOT EXISTS "<clients>_last_seen_at_index" ON {clients} ("last_seen_at")

-- name: messages
CREATE TABLE IF NOT EXISTS {messages} (
  "id" bigserial NOT NULL PRIMARY KEY,
  "from_client_id" uuid NULL,
  "to_client_id" uuid NOT NULL,
  "type" varchar(255) NOT NULL,
  "ciphertext" text NOT NULL,
  "nonce" varchar(255) NOT NULL,
  "tag" varchar(255) NOT NULL,
  "created_at" timestamp(0) without time zone NOT NULL
)

-- name: messages.1
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_id_index" ON {messages} ("to_client_id", "id")

-- name: messages.2
CREATE INDEX IF NOT EXISTS "<messages>_from_client_id_index" ON {messages} ("from_client_id")

-- name: messages.3
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_index" ON {messages} ("to_client_id")

-- name: message_receipts
CREATE TABLE IF NOT EXISTS {message_receipts} (
  "client_id" uuid NOT NULL PRIMARY KEY,
  "last_acked_message_id" bigint NULL,
  "created_at" timestamp(0) without time zone NULL,
  "updated_at" timestamp(0) without time zone NULL
)

-- name: done_steps
CREATE TABLE IF NOT EXISTS {done_steps} (
  "id" varchar(64) NOT NULL PRIMARY KEY,
  "done_at" timestamp(0) without time zone NOT NULL
)

-- name: done_steps.1
CREATE INDEX IF NOT EXISTS "<done_steps>_done_at_index" ON {done_steps} ("done_at")

-- name: queue_lanes
CREATE TABLE IF NOT EXISTS {queue_lanes} (
  "lane_key" varchar(64) COLLATE "C" NOT NULL PRIMARY KEY,
  "queue" varchar(255) COLLATE "C" NOT NULL,
  "ready_at" bigint NOT NULL
)

-- name: queue_lanes.1
CREATE INDEX IF NOT EXISTS "<queue_lanes>_queue_ready_at_index" ON {queue_lanes} ("queue", "ready_at")

-- name: queue_jobs
CREATE TABLE IF NOT EXISTS {queue_jobs} (
  "seq" bigserial NOT NULL PRIMARY KEY,
  "queue" varchar(255) COLLATE "C" NOT NULL,
  "id" varchar(255) COLLATE "C" NOT NULL,
  "lane_key" varchar(64) COLLATE "C" NOT NULL,
  "lane" text NOT NULL,
  "payload" bytea NOT NULL,
  "not_before" bigint NOT NULL,
  "pushed_at" bigint NOT NULL,
  "listed_at" bigint NOT NULL,
  "dead" smallint NOT NULL,
  "tries" text NOT NULL,
  CONSTRAINT "<queue_jobs>_queue_id_unique" UNIQUE ("queue", "id")
)

-- name: queue_jobs.1
CREATE INDEX IF NOT EXISTS "<queue_jobs>_lane_key_dead_seq_index" ON {queue_jobs} ("lane_key", "dead", "seq")

-- name: queue_jobs.2
CREATE INDEX IF NOT EXISTS "<queue_jobs>_queue_dead_listed_at_id_index" ON {queue_jobs} ("queue", "dead", "listed_at", "id")

-- name: cache
CREATE TABLE IF NOT EXISTS {cache} (
  "key" varchar(255) NOT NULL PRIMARY KEY,
  "value" text NOT NULL,
  "expiration" bigint NOT NULL
)

-- name: cache.1
CREATE INDEX IF NOT EXISTS "<cache>_expiration_index" ON {cache} ("expiration")

-- name: cache_locks
CREATE TABLE IF NOT EXISTS {cache_locks} (
  "key" varchar(255) NOT NULL PRIMARY KEY,
  "owner" varchar(255) NOT NULL,
  "expiration" bigint NOT NULL
)

-- name: cache_locks.1
CREATE INDEX IF NOT EXISTS "<cache_locks>_expiration_index" ON {cache_locks} ("expiration")

-- name: presence_log
CREATE TABLE IF NOT EXISTS {presence_log} (
  "id" bigint NOT NULL PRIMARY KEY,
  "last" bigint NOT NULL,
  "trimmed" bigint NOT NULL
)

-- name: presence_users
CREATE TABLE IF NOT EXISTS {presence_users} (
  "id" bigserial NOT NULL PRIMARY KEY,
  "name" varchar(64) COLLATE "C" NOT NULL,
  "logical" text NOT NULL,
  "scope" varchar(64) COLLATE "C" NOT NULL,
  "member" text COLLATE "C" NOT NULL,
  "status" varchar(7) COLLATE "C" NOT NULL,
  "version" bigint NOT NULL,
  "due" bigint NOT NULL,
  "state" bytea NOT NULL,
  CONSTRAINT "<presence_users>_name_unique" UNIQUE ("name")
)

-- name: presence_users.1
CREATE INDEX IF NOT EXISTS "<presence_users>_due_index" ON {presence_users} ("due")

-- name: presence_users.2
CREATE INDEX IF NOT EXISTS "<presence_users>_scope_status_member_index" ON {presence_users} ("scope", "status", "member")

-- name: presence_counts
CREATE TABLE IF NOT EXISTS {presence_counts} (
  "scope" varchar(64) NOT NULL,
  "status" varchar(7) NOT NULL,
  "members" bigint NOT NULL,
  PRIMARY KEY ("scope", "status")
)

-- name: presence_changes
CREATE TABLE IF NOT EXISTS {presence_changes} (
  "number" bigint NOT NULL PRIMARY KEY,
  "at" bigint NOT NULL,
  "change" bytea NOT NULL
)
