-- Migrations on Postgres. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 3 create the tables of presence

-- creates: table <presence_log>
CREATE TABLE IF NOT EXISTS {presence_log} (
  "id" bigint NOT NULL PRIMARY KEY,
  "last" bigint NOT NULL,
  "trimmed" bigint NOT NULL
)

-- creates: table <presence_users>
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

-- creates: index <presence_users>_due_index on <presence_users>
CREATE INDEX IF NOT EXISTS "<presence_users>_due_index" ON {presence_users} ("due")

-- creates: index <presence_users>_scope_status_member_index on <presence_users>
CREATE INDEX IF NOT EXISTS "<presence_users>_scope_status_member_index" ON {presence_users} ("scope", "status", "member")

-- creates: table <presence_counts>
CREATE TABLE IF NOT EXISTS {presence_counts} (
  "scope" varchar(64) NOT NULL,
  "status" varchar(7) NOT NULL,
  "members" bigint NOT NULL,
  PRIMARY KEY ("scope", "status")
)

-- creates: table <presence_changes>
CREATE TABLE IF NOT EXISTS {presence_changes} (
  "number" bigint NOT NULL PRIMARY KEY,
  "at" bigint NOT NULL,
  "change" bytea NOT NULL
)

-- version: 4 give the change log an identity

-- creates: column <presence_log>.identity
ALTER TABLE {presence_log} ADD COLUMN "identity" bigint NULL

-- version: 5 index the change log by user

-- creates: column <presence_changes>.name
ALTER TABLE {presence_changes} ADD COLUMN "name" varchar(64) COLLATE "C" NULL

-- creates: index <presence_changes>_name_number_index on <presence_changes>
CREATE INDEX IF NOT EXISTS "<presence_changes>_name_number_index" ON {presence_changes} ("name", "number")
