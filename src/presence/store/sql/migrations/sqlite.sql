-- Migrations on SQLite. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 3 create the tables of presence

-- creates: table <presence_log>
CREATE TABLE IF NOT EXISTS {presence_log} (
  "id" integer PRIMARY KEY NOT NULL,
  "last" integer NOT NULL,
  "trimmed" integer NOT NULL
)

-- creates: table <presence_users>
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

-- creates: index <presence_users>_name_unique on <presence_users>
CREATE UNIQUE INDEX IF NOT EXISTS "<presence_users>_name_unique" ON {presence_users} ("name")

-- creates: index <presence_users>_due_index on <presence_users>
CREATE INDEX IF NOT EXISTS "<presence_users>_due_index" ON {presence_users} ("due")

-- creates: index <presence_users>_scope_status_member_index on <presence_users>
CREATE INDEX IF NOT EXISTS "<presence_users>_scope_status_member_index" ON {presence_users} ("scope", "status", "member")

-- creates: table <presence_counts>
CREATE TABLE IF NOT EXISTS {presence_counts} (
  "scope" varchar NOT NULL,
  "status" varchar NOT NULL,
  "members" integer NOT NULL,
  PRIMARY KEY ("scope", "status")
)

-- creates: table <presence_changes>
CREATE TABLE IF NOT EXISTS {presence_changes} (
  "number" integer PRIMARY KEY NOT NULL,
  "at" integer NOT NULL,
  "change" blob NOT NULL
)

-- version: 4 give the change log an identity

-- creates: column <presence_log>.identity
ALTER TABLE {presence_log} ADD COLUMN "identity" integer NULL

-- version: 5 index the change log by user

-- creates: column <presence_changes>.name
ALTER TABLE {presence_changes} ADD COLUMN "name" varchar NULL

-- creates: index <presence_changes>_name_number_index on <presence_changes>
CREATE INDEX IF NOT EXISTS "<presence_changes>_name_number_index" ON {presence_changes} ("name", "number")
