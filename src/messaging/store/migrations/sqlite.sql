-- Migrations on SQLite. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 1 create done_steps

-- creates: table <done_steps>
CREATE TABLE IF NOT EXISTS {done_steps} (
  "id" varchar NOT NULL,
  "done_at" datetime NOT NULL,
  PRIMARY KEY ("id")
)

-- creates: index <done_steps>_done_at_index on <done_steps>
CREATE INDEX IF NOT EXISTS "<done_steps>_done_at_index" ON {done_steps} ("done_at")
