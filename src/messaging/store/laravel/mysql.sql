-- Laravel's tables on MySQL and MariaDB, as Laravel's migrations create them. A table that exists is left unchanged.

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
