-- The tables on MySQL and MariaDB, as Laravel's migrations make them there.

-- name: exists
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?

-- name: clients
CREATE TABLE IF NOT EXISTS {clients} (
  `id` char(36) NOT NULL,
  `name` varchar(255) DEFAULT NULL,
  `api_token_hash` varchar(255) NOT NULL,
  `encryption_key_encrypted` text NOT NULL,
  `created_at` timestamp NULL DEFAULT NULL,
  `updated_at` timestamp NULL DEFAULT NULL,
  `last_seen_at` timestamp NULL DEFAULT NULL,
  `fingerprint` varchar(255) DEFAULT NULL,
  `api_token_encrypted` text DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `<clients>_fingerprint_unique` (`fingerprint`),
  KEY `<clients>_last_seen_at_index` (`last_seen_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci

-- name: messages
CREATE TABLE IF NOT EXISTS {messages} (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `from_client_id` char(36) DEFAULT NULL,
  `to_client_id` char(36) NOT NULL,
  `type` varchar(255) NOT NULL,
  `ciphertext` longtext NOT NULL,
  `nonce` varchar(255) NOT NULL,
  `tag` varchar(255) NOT NULL,
  `created_at` timestamp NOT NULL,
  PRIMARY KEY (`id`),
  KEY `<messages>_to_client_id_id_index` (`to_client_id`, `id`),
  KEY `<messages>_from_client_id_index` (`from_client_id`),
  KEY `<messages>_to_client_id_index` (`to_client_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci

-- name: message_receipts
CREATE TABLE IF NOT EXISTS {message_receipts} (
  `client_id` char(36) NOT NULL,
  `last_acked_message_id` bigint unsigned DEFAULT NULL,
  `created_at` timestamp NULL DEFAULT NULL,
  `updated_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`client_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci

-- name: done_steps
CREATE TABLE IF NOT EXISTS {done_steps} (
  `id` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `done_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  KEY `<done_steps>_done_at_index` (`done_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci

-- name: queue_lanes
CREATE TABLE IF NOT EXISTS {queue_lanes} (
  `lane_key` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `queue` varchar(255) NOT NULL,
  `ready_at` bigint NOT NULL,
  PRIMARY KEY (`lane_key`),
  KEY `<queue_lanes>_queue_ready_at_index` (`queue`, `ready_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin

-- name: queue_jobs
CREATE TABLE IF NOT EXISTS {queue_jobs} (
  `seq` bigint NOT NULL AUTO_INCREMENT,
  `queue` varchar(255) NOT NULL,
  `id` varchar(255) NOT NULL,
  `lane_key` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `lane` text NOT NULL,
  `payload` longblob NOT NULL,
  `not_before` bigint NOT NULL,
  `pushed_at` bigint NOT NULL,
  `listed_at` bigint NOT NULL,
  `dead` tinyint NOT NULL,
  `tries` text NOT NULL,
  PRIMARY KEY (`seq`),
  UNIQUE KEY `<queue_jobs>_queue_id_unique` (`queue`, `id`),
  KEY `<queue_jobs>_lane_key_dead_seq_index` (`lane_key`, `dead`, `seq`),
  KEY `<queue_jobs>_queue_dead_listed_at_id_index` (`queue`, `dead`, `listed_at`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin

-- name: cache
CREATE TABLE IF NOT EXISTS {cache} (
  `key` varchar(255) NOT NULL,
  `value` mediumtext NOT NULL,
  `expiration` bigint NOT NULL,
  PRIMARY KEY (`key`),
  KEY `<cache>_expiration_index` (`expiration`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci

-- name: cache_locks
CREATE TABLE IF NOT EXISTS {cache_locks} (
  `key` varchar(255) NOT NULL,
  `owner` varchar(255) NOT NULL,
  `expiration` bigint NOT NULL,
  PRIMARY KEY (`key`),
  KEY `<cache_locks>_expiration_index` (`expiration`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci

-- name: presence_log
CREATE TABLE IF NOT EXISTS {presence_log} (
  `id` bigint NOT NULL,
  `last` bigint NOT NULL,
  `trimmed` bigint NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB

-- name: presence_users
CREATE TABLE IF NOT EXISTS {presence_users} (
  `id` bigint NOT NULL AUTO_INCREMENT,
  `name` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `logical` text NOT NULL,
  `scope` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `member` varbinary(2048) NOT NULL,
  `status` varchar(7) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `version` bigint NOT NULL,
  `due` bigint NOT NULL,
  `state` longblob NOT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `<presence_users>_name_unique` (`name`),
  KEY `<presence_users>_due_index` (`due`),
  KEY `<presence_users>_scope_status_member_index` (`scope`, `status`, `member`)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin

-- name: presence_counts
CREATE TABLE IF NOT EXISTS {presence_counts} (
  `scope` char(64) NOT NULL,
  `status` varchar(7) NOT NULL,
  `members` bigint NOT NULL,
  PRIMARY KEY (`scope`, `status`)
) ENGINE=InnoDB DEFAULT CHARSET=ascii COLLATE=ascii_bin

-- name: presence_changes
CREATE TABLE IF NOT EXISTS {presence_changes} (
  `number` bigint NOT NULL,
  `at` bigint NOT NULL,
  `change` longblob NOT NULL,
  PRIMARY KEY (`number`)
) ENGINE=InnoDB
