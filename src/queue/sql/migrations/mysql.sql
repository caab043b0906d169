-- Migrations on MySQL and MariaDB. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 2 create the tables of the queues

-- creates: table <queue_lanes>
CREATE TABLE IF NOT EXISTS {queue_lanes} (
  `lane_key` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `queue` varchar(255) NOT NULL,
  `ready_at` bigint NOT NULL,
  PRIMARY KEY (`lane_key`),
  KEY `<queue_lanes>_queue_ready_at_index` (`queue`, `ready_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin

-- creates: table <queue_jobs>
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
