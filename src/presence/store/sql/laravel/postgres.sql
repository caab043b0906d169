-- Laravel's tables on Postgres, as Laravel's migrations create them. A table that exists is left unchanged.

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
