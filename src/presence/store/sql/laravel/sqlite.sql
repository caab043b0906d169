-- Laravel's tables on SQLite, as Laravel's migrations create them. A table that exists is left unchanged.

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
