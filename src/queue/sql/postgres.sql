-- Statements of the queues on Postgres.

-- name: is_ready
SELECT 1 FROM {queue_lanes} WHERE queue = ? AND ready_at <= <now> LIMIT 1

-- The ready lanes, and the end of a lease. Locked lanes are skipped.
-- name: ready
SELECT lane_key, <now> + ? FROM {queue_lanes} WHERE queue = ? AND ready_at <= <now>
ORDER BY ready_at LIMIT ? FOR UPDATE SKIP LOCKED

-- name: lease
UPDATE {queue_lanes} SET ready_at = ? WHERE lane_key IN ([[?]])

-- name: heads
SELECT l.lane_key, j.id, j.lane, j.payload, j.tries, <now> - j.pushed_at
FROM {queue_lanes} AS l
JOIN {queue_jobs} AS j ON j.seq = (
  SELECT h.seq FROM {queue_jobs} AS h WHERE h.lane_key = l.lane_key AND h.dead = 0 ORDER BY h.seq LIMIT 1
)
WHERE l.lane_key IN ([[?]])

-- The first jobs of each lane: their numbers, sizes, and whether they may be handed out.
-- name: runs
[[(
  SELECT lane_key, seq, OCTET_LENGTH(payload)::bigint, CASE WHEN not_before <= <now> THEN 1::bigint ELSE 0::bigint END FROM {queue_jobs}
  WHERE lane_key = ? AND dead = 0 ORDER BY seq LIMIT ?
)|UNION ALL]]

-- name: jobs_of_runs
SELECT lane_key, id, lane, payload, tries, <now> - pushed_at FROM {queue_jobs} WHERE seq IN ([[?]]) ORDER BY seq

-- Every transaction that changes the jobs of a lane locks its row.
-- name: lock_lanes
SELECT lane_key, ready_at FROM {queue_lanes} WHERE lane_key IN ([[?]]) ORDER BY lane_key FOR UPDATE

-- name: run_ids
[[(
  SELECT lane_key, seq, id FROM {queue_jobs} WHERE lane_key = ? AND dead = 0 ORDER BY seq LIMIT ?
)|UNION ALL]]

-- name: delete_jobs
DELETE FROM {queue_jobs} WHERE seq IN ([[?]])

-- name: update_attempts
UPDATE {queue_jobs} SET tries = ? WHERE seq = ?

-- name: dead_letter
UPDATE {queue_jobs} SET dead = 1, listed_at = <now>, tries = ? WHERE seq = ?

-- name: delay_lane
UPDATE {queue_lanes} SET ready_at = <now> + ? WHERE lane_key = ?

-- name: delete_empty_lanes
DELETE FROM {queue_lanes}
WHERE lane_key IN ([[?]])
AND NOT EXISTS (SELECT 1 FROM {queue_jobs} AS j WHERE j.lane_key = {queue_lanes}.lane_key AND j.dead = 0)

-- name: advance
UPDATE {queue_lanes} SET ready_at = GREATEST(<now>, (
    SELECT j.not_before FROM {queue_jobs} AS j
    WHERE j.lane_key = {queue_lanes}.lane_key AND j.dead = 0 ORDER BY j.seq LIMIT 1
  ))
WHERE lane_key IN ([[?]])

-- Locks the lanes, including existing ones.
-- name: upsert_lanes
INSERT INTO {queue_lanes} (lane_key, queue, ready_at) VALUES [[(?, ?, <now> + ?)]]
ON CONFLICT (lane_key) DO UPDATE SET ready_at = {queue_lanes}.ready_at

-- name: insert_jobs
INSERT INTO {queue_jobs} (queue, id, lane_key, lane, payload, not_before, pushed_at, listed_at, dead, tries)
VALUES [[(?, ?, ?, ?, ?, <now> + ?, <now>, <now>, 0, '')]]
ON CONFLICT (queue, id) DO NOTHING

-- name: known_lanes
SELECT lane_key FROM {queue_lanes} WHERE lane_key IN ([[?]])

-- The jobs at the end of each lane that are delayed, behind the last one that is not.
-- name: held_jobs
SELECT j.lane_key, j.seq, j.id, j.payload FROM {queue_jobs} AS j
WHERE j.lane_key IN ([[?]]) AND j.dead = 0 AND j.seq > COALESCE((
  SELECT MAX(d.seq) FROM {queue_jobs} AS d WHERE d.lane_key = j.lane_key AND d.dead = 0 AND d.not_before <= <now>
), 0)
ORDER BY j.seq

-- name: pending
SELECT j.id, j.lane, j.payload, j.tries, j.listed_at, j.pushed_at, CASE WHEN j.seq = (
  SELECT h.seq FROM {queue_jobs} AS h WHERE h.lane_key = j.lane_key AND h.dead = 0 ORDER BY h.seq LIMIT 1
) THEN l.ready_at END
FROM {queue_jobs} AS j LEFT JOIN {queue_lanes} AS l ON l.lane_key = j.lane_key
WHERE j.queue = ? AND j.dead = 0 AND j.listed_at >= ? AND (j.listed_at > ? OR j.id > ?)
ORDER BY j.listed_at, j.id LIMIT ?

-- name: lane
SELECT j.id, j.lane, j.payload, j.tries, j.listed_at, j.pushed_at, l.ready_at
FROM {queue_jobs} AS j LEFT JOIN {queue_lanes} AS l ON l.lane_key = j.lane_key
WHERE j.lane_key = ? AND j.dead = 0 ORDER BY j.seq LIMIT ?

-- name: dead
SELECT id, lane, payload, tries, listed_at, pushed_at FROM {queue_jobs}
WHERE queue = ? AND dead = 1 AND listed_at >= ? AND (listed_at > ? OR id > ?)
ORDER BY listed_at, id LIMIT ?

-- name: erase_jobs
DELETE FROM {queue_jobs} WHERE lane_key = ?

-- name: select_dead
SELECT id, lane, payload FROM {queue_jobs} WHERE queue = ? AND dead = 1 AND id IN ([[?]]) FOR UPDATE

-- name: delete_dead
DELETE FROM {queue_jobs} WHERE queue = ? AND dead = 1 AND id IN ([[?]])

-- name: purge
DELETE FROM {queue_jobs} WHERE seq IN (SELECT seq FROM (
    SELECT seq FROM {queue_jobs} WHERE queue = ? AND dead = 1 AND listed_at <= <now> - ? ORDER BY listed_at LIMIT 1000
  ) AS batch)

-- name: depth
SELECT
(SELECT COUNT(*) FROM {queue_jobs} WHERE queue = ? AND dead = 0),
(SELECT COUNT(*) FROM {queue_jobs} WHERE queue = ? AND dead = 1),
<now> - (SELECT MIN(listed_at) FROM {queue_jobs} WHERE queue = ? AND dead = 0)
