-- Bookkeeping of migrations on SQLite.

-- name: table_exists
SELECT COUNT(*) FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?

-- name: column_exists
SELECT COUNT(*) FROM pragma_table_info(?) WHERE name = ?

-- name: index_exists
SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND name = ?

-- name: applied
SELECT version, checksum FROM {migrations} WHERE success = TRUE

-- name: delete_unfinished
DELETE FROM {migrations} WHERE success = FALSE

-- name: delete_version
DELETE FROM {migrations} WHERE version = ?
