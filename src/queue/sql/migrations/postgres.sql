-- Migrations on Postgres. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 2 create the tables of the queues

-- creates: table <queue_lanes>
CREATE TABLE IF NOT EXISTS {queue_lanes} (
  "lane_key" varchar(64) COLLATE "C" NOT NULL PRIMARY KEY,
  "queue" varchar(255) COLLATE "C" NOT NULL,
  "ready_at" bigint NOT NULL
)

-- creates: index <queue_lanes>_queue_ready_at_index on <queue_lanes>
CREATE INDEX IF NOT EXISTS "<queue_lanes>_queue_ready_at_index" ON {queue_lanes} ("queue", "ready_at")

-- creates: table <queue_jobs>
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

-- creates: index <queue_jobs>_lane_key_dead_seq_index on <queue_jobs>
CREATE INDEX IF NOT EXISTS "<queue_jobs>_lane_key_dead_seq_index" ON {queue_jobs} ("lane_key", "dead", "seq")

-- creates: index <queue_jobs>_queue_dead_listed_at_id_index on <queue_jobs>
CREATE INDEX IF NOT EXISTS "<queue_jobs>_queue_dead_listed_at_id_index" ON {queue_jobs} ("queue", "dead", "listed_at", "id")
