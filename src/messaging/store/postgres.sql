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
SELECT c.id::text, c.api_token_hash, c.api_token_encrypted, COALESCE(r.last_acked_message_id, 0),
  COALESCE((
    SELECT m.id FROM {messages} AS m WHERE m.to_client_id = c.id ORDER BY m.to_client_id DESC, m.id DESC LIMIT 1
  ), 0)
FROM {clients} AS c LEFT JOIN {message_receipts} AS r ON r.client_id = c.id
WHERE c.id IN ([[?::uuid]])

-- name: client
SELECT id::text, name, fingerprint, api_token_hash, api_token_encrypted, encryption_key_encrypted,
  to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(last_seen_at, 'YYYY-MM-DD HH24:MI:SS')
FROM {clients} WHERE id IN ([[?::uuid]])

-- name: client_by_fingerprint
SELECT id::text, name, fingerprint, api_token_hash, api_token_encrypted, encryption_key_encrypted,
  to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(last_seen_at, 'YYYY-MM-DD HH24:MI:SS')
FROM {clients} WHERE fingerprint = ?

-- name: client_ids
SELECT id::text FROM {clients} ORDER BY created_at NULLS FIRST, id

-- name: summaries
SELECT id::text, name, to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(last_seen_at, 'YYYY-MM-DD HH24:MI:SS')
FROM {clients} WHERE id IN ([[?::uuid]])

-- Pages are in the order of the primary key, the only index that fits. A column with its table before it is that of the
-- table: alone it may be the text in the result.
-- name: clients_page_first
SELECT id::text, name, to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(last_seen_at, 'YYYY-MM-DD HH24:MI:SS')
FROM {clients} AS c ORDER BY c.id LIMIT ?

-- name: clients_page
SELECT id::text, name, to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), to_char(last_seen_at, 'YYYY-MM-DD HH24:MI:SS')
FROM {clients} AS c WHERE c.id > ?::uuid ORDER BY c.id LIMIT ?

-- name: encrypted_keys
SELECT encryption_key_encrypted FROM {clients} LIMIT $1

-- name: insert_client
INSERT INTO {clients} (id, name, fingerprint, api_token_hash, api_token_encrypted, encryption_key_encrypted, created_at, updated_at)
VALUES (?::uuid, ?, ?, ?, ?, ?, ?::timestamp, ?::timestamp)

-- name: rename_client
UPDATE {clients} SET name = ?, updated_at = ?::timestamp WHERE id = ?::uuid

-- The hash serves as the version of the row: the update applies only if it is unchanged.
-- name: update_credentials
UPDATE {clients}
SET api_token_hash = ?, api_token_encrypted = ?, encryption_key_encrypted = ?, name = COALESCE(?, name), updated_at = ?::timestamp
WHERE id = ?::uuid AND api_token_hash = ?

-- name: revoke
UPDATE {clients} SET api_token_hash = ?, api_token_encrypted = NULL, fingerprint = NULL, updated_at = ?::timestamp WHERE id = ?::uuid

-- Skips locked rows: it never waits for a lock, so it cannot be part of a deadlock.
-- name: touch
UPDATE {clients} SET last_seen_at = ?::timestamp
WHERE id IN (
  SELECT id FROM {clients}
  WHERE id IN ([[?::uuid]]) AND (last_seen_at IS NULL OR last_seen_at < ?::timestamp)
  FOR NO KEY UPDATE SKIP LOCKED
)

-- name: acknowledge
INSERT INTO {message_receipts} AS r (client_id, last_acked_message_id, created_at, updated_at)
VALUES [[(?::uuid, ?, ?::timestamp, ?::timestamp)]]
ON CONFLICT (client_id) DO UPDATE
SET last_acked_message_id = excluded.last_acked_message_id, updated_at = excluded.updated_at
WHERE r.last_acked_message_id IS NULL OR r.last_acked_message_id < excluded.last_acked_message_id

-- Every time can be stored.
-- name: next_time
SELECT to_char(?::timestamp, 'YYYY-MM-DD HH24:MI:SS')

-- name: insert_idempotency_keys
INSERT INTO {done_steps} (id, done_at) VALUES [[(?, ?::timestamp)]] ON CONFLICT (id) DO NOTHING

-- name: done_keys
SELECT id FROM {done_steps} WHERE id IN ([[?]])

-- Locks the rows of the recipients until the commit, so that ids become visible in ascending order.
-- name: recipients
SELECT id::text, encryption_key_encrypted FROM {clients} WHERE id IN ([[?::uuid]]) ORDER BY id FOR NO KEY UPDATE

-- As `recipients`, for a group of writes: rows that are locked are left out, so that the group waits for none of them.
-- name: free_recipients
SELECT id::text, encryption_key_encrypted FROM {clients} WHERE id IN ([[?::uuid]]) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED

-- name: known_clients
SELECT id::text FROM {clients} WHERE id IN ([[?::uuid]])

-- name: insert_messages
INSERT INTO {messages} (from_client_id, to_client_id, type, ciphertext, nonce, tag, created_at)
VALUES [[(?::uuid, ?::uuid, left(?, 255), ?, ?, ?, ?::timestamp)]]

-- A large ciphertext is left out and read by itself, if its message fits into the page.
-- name: pages
[[(
  SELECT ?::bigint, id, type, from_client_id::text, CASE WHEN OCTET_LENGTH(ciphertext) <= ? THEN ciphertext END, nonce, tag,
    to_char(created_at, 'YYYY-MM-DD HH24:MI:SS'), (OCTET_LENGTH(ciphertext) + OCTET_LENGTH(type))::bigint
  FROM {messages} AS m WHERE m.to_client_id = ?::uuid AND m.id > ? ORDER BY m.to_client_id, m.id LIMIT ?
)|UNION ALL]]

-- name: ciphertexts
SELECT id, ciphertext FROM {messages} WHERE id IN ([[?]])

-- Smaller batches than on other engines, where they made the p99 of polls no shorter: here a deletion of 500 rows doubles it.
-- name: last_before
SELECT MAX(id) FROM (SELECT id, created_at FROM {messages} WHERE id > ? ORDER BY id LIMIT 200) AS batch
WHERE created_at < ?::timestamp

-- name: purge_acknowledged
DELETE FROM {messages} WHERE id > ? AND id <= ? AND created_at < ?::timestamp
AND id <= (SELECT r.last_acked_message_id FROM {message_receipts} AS r WHERE r.client_id = {messages}.to_client_id)

-- name: purge_all
DELETE FROM {messages} WHERE id > ? AND id <= ? AND created_at < ?::timestamp

-- name: erase_messages
DELETE FROM {messages} WHERE to_client_id = ?::uuid OR from_client_id = ?::uuid

-- name: erase_receipt
DELETE FROM {message_receipts} WHERE client_id = ?::uuid

-- name: erase_client
DELETE FROM {clients} WHERE id = ?::uuid

-- name: purge_idempotency_keys
DELETE FROM {done_steps} WHERE id IN (SELECT id FROM (
  SELECT id FROM {done_steps} WHERE done_at < ?::timestamp ORDER BY done_at LIMIT 500
) AS batch)
