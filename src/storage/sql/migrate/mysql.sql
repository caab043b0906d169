-- Bookkeeping of migrations on MySQL and MariaDB.

-- name: table_exists
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?

-- name: column_exists
SELECT COUNT(*) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?

-- name: index_exists
SELECT COUNT(*) FROM information_schema.statistics
WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ?

-- name: applied
SELECT version, checksum FROM {migrations} WHERE success = TRUE

-- name: delete_unfinished
DELETE FROM {migrations} WHERE success = FALSE

-- name: delete_version
DELETE FROM {migrations} WHERE version = ?

-- A lock belongs to the server, so its name contains that of the database. The result is 1 if it was acquired within
-- the given number of seconds.
-- name: lock
SELECT GET_LOCK(LEFT(SHA2(CONCAT(DATABASE(), '.<migrations>'), 256), 64), ?)

-- MySQL limits only reading statements, and takes what MariaDB executes for a comment.
-- name: lift_time_limit
SET SESSION lock_wait_timeout = @@SESSION.lock_wait_timeout /*M! , max_statement_time = 0 */
