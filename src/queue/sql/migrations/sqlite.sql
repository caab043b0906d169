-- Migrations on SQLite. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 2 create the tables of the queues

-- creates: table <queue_lanes>
CREATE TABLE IF NOT EXISTS {queue_lanes} (
  "lane_key" varchar NOT NULL,
  "queue" varchar NOT NULL,
  "ready_at" integer NOT NULL,
  PRIMARY KEY ("lane_key")
)

-- creates: index <queue_lanes>_queue_ready_at_index on <queue_lanes>
CREATE INDEX IF NOT EXISTS "<queue_lanes>_queue_ready_at_index" ON {queue_lanes} ("queue", "ready_at")

-- creates: table <queue_jobs>
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

-- creates: index <queue_jobs>_queue_id_unique on <queue_jobs>
CREATE UNIQUE INDEX IF NOT EXISTS "<queue_jobs>_queue_id_unique" ON {queue_jobs} ("queue", "id")

-- creates: index <queue_jobs>_lane_key_dead_seq_index on <queue_jobs>
CREATE INDEX IF NOT EXISTS "<queue_jobs>_lane_key_dead_seq_index" ON {queue_jobs} ("lane_key", "dead", "seq")

-- creates: index <queue_jobs>_queue_dead_listed_at_id_index on <queue_jobs>
CREATE INDEX IF NOT EXISTS "<queue_jobs>_queue_dead_listed_at_id_index" ON {queue_jobs} ("queue", "dead", "listed_at", "id")
