-- Migrations on MySQL and MariaDB. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 1 create done_steps

-- creates: table <done_steps>
CREATE TABLE IF NOT EXISTS {done_steps} (
  `id` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  `done_at` datetime NOT NULL,
  PRIMARY KEY (`id`),
  KEY `<done_steps>_done_at_index` (`done_at`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci
