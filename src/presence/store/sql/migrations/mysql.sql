-- Migrations on MySQL and MariaDB. A released version never changes; storage/sql/migrate/mod.rs describes the format.

-- version: 3 create the tables of presence

-- creates: table <presence_log>
CREATE TABLE IF NOT EXISTS {presence_log} (
  `id` bigint NOT NULL,
  `last` bigint NOT NULL,
  `trimmed` bigint NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB

-- creates: table <presence_users>
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

-- creates: table <presence_counts>
CREATE TABLE IF NOT EXISTS {presence_counts} (
  `scope` char(64) NOT NULL,
  `status` varchar(7) NOT NULL,
  `members` bigint NOT NULL,
  PRIMARY KEY (`scope`, `status`)
) ENGINE=InnoDB DEFAULT CHARSET=ascii COLLATE=ascii_bin

-- creates: table <presence_changes>
CREATE TABLE IF NOT EXISTS {presence_changes} (
  `number` bigint NOT NULL,
  `at` bigint NOT NULL,
  `change` longblob NOT NULL,
  PRIMARY KEY (`number`)
) ENGINE=InnoDB

-- version: 4 give the change log an identity

-- creates: column <presence_log>.identity
ALTER TABLE {presence_log} ADD COLUMN `identity` bigint NULL

-- version: 5 index the change log by user

-- creates: column <presence_changes>.name
ALTER TABLE {presence_changes} ADD COLUMN `name` char(64) CHARACTER SET ascii COLLATE ascii_bin NULL

-- creates: index <presence_changes>_name_number_index on <presence_changes>
CREATE INDEX `<presence_changes>_name_number_index` ON {presence_changes} (`name`, `number`)
