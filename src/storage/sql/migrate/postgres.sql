-- Bookkeeping of migrations on Postgres.

-- name: table_exists
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false)) AND table_name = ?

-- name: column_exists
SELECT COUNT(*) FROM information_schema.columns
WHERE table_schema = ANY (current_schemas(false)) AND table_name = ? AND column_name = ?

-- A name is cut to 63 bytes by the cast, as Postgres cuts it in CREATE INDEX.
-- name: index_exists
SELECT COUNT(*) FROM pg_indexes
WHERE schemaname = ANY (current_schemas(false)) AND tablename = CAST(? AS name) AND indexname = CAST(? AS name)

-- name: applied
SELECT version, checksum FROM {migrations} WHERE success = TRUE

-- name: delete_unfinished
DELETE FROM {migrations} WHERE success = FALSE

-- name: delete_version
DELETE FROM {migrations} WHERE version = ?

-- Held until the end of the transaction.
-- name: lock
SELECT 1 FROM (SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.<migrations>', 0))) AS locked

-- name: lift_time_limit
SET LOCAL statement_timeout = 0
