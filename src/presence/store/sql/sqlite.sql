-- States and records in one statement, which sees one state of the database.
-- name: load
SELECT 0, CAST(name AS BLOB), version, state FROM {presence_users} WHERE name IN ([[?]])
UNION ALL
SELECT 1, CAST("key" AS BLOB), expiration, "value" FROM {cache} WHERE "key" IN ([[?]])

-- name: records
SELECT 1, CAST("key" AS BLOB), expiration, "value" FROM {cache} WHERE "key" IN ([[?]])

-- name: versions
SELECT name, version, status, due FROM {presence_users} WHERE name IN ([[?]])

-- No lock is needed: a transaction that writes has the database to itself from its beginning.
-- name: lock_log
SELECT last, trimmed FROM {presence_log} WHERE id = 1

-- name: init_log
INSERT INTO {presence_log} (id, last, trimmed) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING

-- name: advance_log
UPDATE {presence_log} SET last = ? WHERE id = 1

-- name: upsert
INSERT INTO {presence_users} (name, logical, scope, member, status, version, due, state)
VALUES [[(?, ?, ?, ?, ?, ?, ?, ?)]]
ON CONFLICT (name) DO UPDATE SET
  status = excluded.status, version = excluded.version, due = excluded.due, state = excluded.state

-- name: delete
DELETE FROM {presence_users} WHERE name IN ([[?]])

-- name: count
INSERT INTO {presence_counts} AS c (scope, status, members) VALUES [[(?, ?, ?)]]
ON CONFLICT (scope, status) DO UPDATE SET members = c.members + excluded.members

-- name: append
INSERT INTO {presence_changes} (number, at, name, change) VALUES [[(?, ?, ?, ?)]]

-- name: put_records
INSERT INTO {cache} ("key", "value", expiration) VALUES [[(?, CAST(? AS TEXT), ?)]]
ON CONFLICT ("key") DO UPDATE SET "value" = excluded."value", expiration = excluded.expiration

-- name: remove_records
DELETE FROM {cache} WHERE "key" IN ([[?]])

-- name: remove_expired_records
DELETE FROM {cache} WHERE expiration <= ? AND "key" IN ([[?]])

-- name: due
SELECT name, logical FROM {presence_users} WHERE due <= ? ORDER BY due LIMIT ?

-- name: lease
UPDATE {presence_users} SET due = ? WHERE name IN ([[?]])

-- name: roster
SELECT member FROM {presence_users} WHERE scope = ? AND status = ? ORDER BY member LIMIT ?

-- name: roster_after
SELECT member FROM {presence_users} WHERE scope = ? AND status = ? AND member > ? ORDER BY member LIMIT ?

-- name: counts
SELECT status, members FROM {presence_counts} WHERE scope = ?

-- The members of all scopes.
-- name: members
SELECT status, SUM(members) FROM {presence_counts} GROUP BY status

-- name: scan
SELECT id, logical FROM {presence_users} WHERE id > ? ORDER BY id LIMIT ?

-- The log, the entry at a position, and a page behind it, which ends with the entry that exceeds the bytes.
-- name: changes
SELECT l.trimmed, l.identity, b.at, c.number, c.at, c.change FROM {presence_log} AS l
LEFT JOIN {presence_changes} AS b ON b.number = ?
LEFT JOIN (
  SELECT number, at, change FROM (
    SELECT number, at, change, CAST(SUM(LENGTH(change)) OVER (ORDER BY number) - LENGTH(change) AS INTEGER) AS bytes_before
    FROM (SELECT number, at, change FROM {presence_changes} WHERE number > ? ORDER BY number LIMIT ?) AS entries
  ) AS sized WHERE bytes_before < ?
) AS c ON 1 = 1
WHERE l.id = 1 ORDER BY c.number

-- The newest entries of a user. Ordered by both columns of the index: MySQL may scan the primary key for less.
-- name: history
SELECT number, at, change FROM {presence_changes} WHERE name = ? ORDER BY name DESC, number DESC LIMIT ?

-- Empties entries, so that positions stay valid.
-- name: erase
UPDATE {presence_changes} SET name = '', change = '' WHERE number IN ([[?]])

-- name: end_of_changes
SELECT l.last, l.identity, c.at FROM {presence_log} AS l LEFT JOIN {presence_changes} AS c ON c.number = l.last WHERE l.id = 1

-- name: identity
SELECT identity FROM {presence_log} WHERE id = 1

-- name: identify_log
UPDATE {presence_log} SET identity = ? WHERE id = 1 AND identity IS NULL

-- The scopes whose number of members is wrong, and by how much.
-- name: wrong_counts
SELECT scope, status, CAST(SUM(members) AS INTEGER) FROM (
  SELECT scope, status, COUNT(*) AS members FROM {presence_users} WHERE status IN ('online', 'away') GROUP BY scope, status
  UNION ALL
  SELECT scope, status, -members FROM {presence_counts}
) AS both_counts GROUP BY scope, status HAVING SUM(members) <> 0

-- The first entry that is kept among the oldest ones. Times have no index.
-- name: first_kept
SELECT MIN(number) FROM (SELECT number, at FROM {presence_changes} ORDER BY number LIMIT 1001) AS oldest WHERE at >= ?

-- name: trim
DELETE FROM {presence_changes} WHERE number <= ?

-- name: set_trimmed
UPDATE {presence_log} SET trimmed = ? WHERE id = 1

-- name: remove_empty_scopes
DELETE FROM {presence_counts} WHERE members = 0

-- What a commit does, in one transaction and without a trace: it writes to each table, which needs room and privileges.
-- name: probe.1
INSERT INTO {presence_users} (name, logical, scope, member, status, version, due, state)
VALUES ('probe', '', '', '', 'offline', 0, 0, '')

-- name: probe.2
DELETE FROM {presence_users} WHERE name = 'probe'

-- name: probe.3
INSERT INTO {presence_counts} (scope, status, members) VALUES ('', 'probe', 0)

-- name: probe.4
DELETE FROM {presence_counts} WHERE scope = '' AND status = 'probe'

-- name: probe.5
INSERT INTO {presence_changes} (number, at, change) VALUES (0, 0, '')

-- name: probe.6
DELETE FROM {presence_changes} WHERE number = 0

-- name: probe.7
INSERT INTO {cache} ("key", "value", expiration) VALUES ('<presence_log>:probe', '', 0)

-- name: probe.8
DELETE FROM {cache} WHERE "key" = '<presence_log>:probe'

-- name: probe.9
UPDATE {presence_log} SET trimmed = trimmed WHERE id = 1

-- Microseconds since 1970.
-- name: time
SELECT CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000
