-- What a registration and a publication do, in one transaction and without a trace.
-- name: probe.1
INSERT INTO {done_steps} (id, done_at) VALUES ('probe', '2000-01-01 00:00:00')

-- name: probe.2
DELETE FROM {done_steps} WHERE id = 'probe'

-- name: probe.3
UPDATE {clients} SET name = name WHERE id = '00000000-0000-0000-0000-000000000000'

-- name: probe.4
SELECT m.id FROM {messages} AS m JOIN {message_receipts} AS r ON r.client_id = m.to_client_id
WHERE m.to_client_id = '00000000-0000-0000-0000-000000000000' LIMIT 1

-- The order of the inner statement is that of an index. By `id` alone, MySQL reads the whole table for many messages.
-- name: poll_states
SELECT c.id, c.api_token_hash, c.api_token_encrypted, CAST(COALESCE(r.last_acked_message_id, 0) AS SIGNED),
  CAST(COALESCE((
    SELECT m.id FROM {messages} AS m WHERE m.to_client_id = c.id ORDER BY m.to_client_id DESC, m.id DESC LIMIT 1
  ), 0) AS SIGNED)
FROM {clients} AS c LEFT JOIN {message_receipts} AS r ON r.client_id = c.id
WHERE c.id IN ([[?]])

-- name: client
SELECT id, name, fingerprint, api_token_hash, api_token_encrypted, encryption_key_encrypted,
  DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(last_seen_at, '%Y-%m-%d %H:%i:%s')
FROM {clients} WHERE id IN ([[?]])

-- name: client_by_fingerprint
SELECT id, name, fingerprint, api_token_hash, api_token_encrypted, encryption_key_encrypted,
  DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(last_seen_at, '%Y-%m-%d %H:%i:%s')
FROM {clients} WHERE fingerprint = ?

-- name: client_ids
SELECT id FROM {clients} ORDER BY created_at, id

-- name: summaries
SELECT id, name, DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(last_seen_at, '%Y-%m-%d %H:%i:%s')
FROM {clients} WHERE id IN ([[?]])

-- Pages are in the order of the primary key, the only index that fits.
-- name: clients_page_first
SELECT id, name, DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(last_seen_at, '%Y-%m-%d %H:%i:%s')
FROM {clients} AS c ORDER BY c.id LIMIT ?

-- name: clients_page
SELECT id, name, DATE_FORMAT(created_at, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(last_seen_at, '%Y-%m-%d %H:%i:%s')
FROM {clients} AS c WHERE c.id > ? ORDER BY c.id LIMIT ?

-- name: encrypted_keys
SELECT encryption_key_encrypted FROM {clients} LIMIT ?

-- name: insert_client
INSERT INTO {clients} (id, name, fingerprint, api_token_hash, api_token_encrypted, encryption_key_encrypted, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: rename_client
UPDATE {clients} SET name = ?, updated_at = ? WHERE id = ?

-- The hash serves as the version of the row: the update applies only if it is unchanged.
-- name: update_credentials
UPDATE {clients}
SET api_token_hash = ?, api_token_encrypted = ?, encryption_key_encrypted = ?, name = COALESCE(?, name), updated_at = ?
WHERE id = ? AND api_token_hash = ?

-- name: revoke
UPDATE {clients} SET api_token_hash = ?, api_token_encrypted = NULL, fingerprint = NULL, updated_at = ? WHERE id = ?

-- name: touch
UPDATE {clients} SET last_seen_at = ? WHERE id IN ([[?]]) AND (last_seen_at IS NULL OR last_seen_at < ?)

-- name: acknowledge
INSERT INTO {message_receipts} (client_id, last_acked_message_id, created_at, updated_at) VALUES [[(?, ?, ?, ?)]]
ON DUPLICATE KEY UPDATE
  updated_at = IF(COALESCE(last_acked_message_id, 0) < VALUES(last_acked_message_id), VALUES(updated_at), updated_at),
  last_acked_message_id = GREATEST(COALESCE(last_acked_message_id, 0), VALUES(last_acked_message_id))

-- The first time not before the given one that a column can have: MySQL has no times in the hour that the summer time of
-- the session's time zone skips.
-- name: next_time
SELECT DATE_FORMAT(FROM_UNIXTIME(UNIX_TIMESTAMP(?)), '%Y-%m-%d %H:%i:%s')

-- name: insert_idempotency_keys
INSERT IGNORE INTO {done_steps} (id, done_at) VALUES [[(?, ?)]]

-- name: done_keys
SELECT id FROM {done_steps} WHERE id IN ([[?]])

-- Locks the rows of the recipients until the commit, so that ids become visible in ascending order.
-- name: recipients
SELECT id, encryption_key_encrypted FROM {clients} WHERE id IN ([[?]]) ORDER BY id FOR UPDATE

-- As `recipients`, for a group of writes: rows that are locked are left out, so that the group waits for none of them.
-- name: free_recipients
SELECT id, encryption_key_encrypted FROM {clients} WHERE id IN ([[?]]) ORDER BY id FOR UPDATE SKIP LOCKED

-- name: known_clients
SELECT id FROM {clients} WHERE id IN ([[?]])

-- name: insert_messages
INSERT INTO {messages} (from_client_id, to_client_id, type, ciphertext, nonce, tag, created_at)
VALUES [[(?, ?, LEFT(?, 255), ?, ?, ?, ?)]]

-- A large ciphertext is left out and read by itself, if its message fits into the page. The id comes from a row of the client:
-- if it were an argument, which has the collation of the connection, MariaDB would sort all messages that wait.
-- name: pages
[[(
  SELECT CAST(? AS SIGNED), CAST(m.id AS SIGNED), m.type, m.from_client_id,
    CASE WHEN OCTET_LENGTH(m.ciphertext) <= ? THEN m.ciphertext END, m.nonce, m.tag,
    DATE_FORMAT(m.created_at, '%Y-%m-%d %H:%i:%s'), CAST(OCTET_LENGTH(m.ciphertext) + OCTET_LENGTH(m.type) AS SIGNED)
  FROM {clients} AS c JOIN {messages} AS m ON m.to_client_id = c.id
  WHERE c.id = ? AND m.id > ? ORDER BY m.to_client_id, m.id LIMIT ?
)|UNION ALL]]

-- name: ciphertexts
SELECT CAST(id AS SIGNED), ciphertext FROM {messages} WHERE id IN ([[?]])

-- name: last_before
SELECT CAST(MAX(id) AS SIGNED) FROM (SELECT id, created_at FROM {messages} WHERE id > ? ORDER BY id LIMIT 500) AS batch
WHERE created_at < ?

-- name: purge_acknowledged
DELETE FROM {messages} WHERE id > ? AND id <= ? AND created_at < ?
AND id <= (SELECT r.last_acked_message_id FROM {message_receipts} AS r WHERE r.client_id = {messages}.to_client_id)

-- name: purge_all
DELETE FROM {messages} WHERE id > ? AND id <= ? AND created_at < ?

-- name: erase_messages
DELETE FROM {messages} WHERE to_client_id = ? OR from_client_id = ?

-- name: erase_receipt
DELETE FROM {message_receipts} WHERE client_id = ?

-- name: erase_client
DELETE FROM {clients} WHERE id = ?

-- name: purge_idempotency_keys
DELETE FROM {done_steps} WHERE done_at < ? ORDER BY done_at LIMIT 500
