-- Migrations on Postgres. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 1 create done_steps

-- creates: table <done_steps>
CREATE TABLE IF NOT EXISTS {done_steps} (
  "id" varchar(64) NOT NULL PRIMARY KEY,
  "done_at" timestamp(0) without time zone NOT NULL
)

-- creates: index <done_steps>_done_at_index on <done_steps>
CREATE INDEX IF NOT EXISTS "<done_steps>_done_at_index" ON {done_steps} ("done_at")
