-- Laravel's tables on SQLite, as Laravel's migrations create them. A table that exists is left unchanged.

-- name: clients
CREATE TABLE IF NOT EXISTS {clients} (
  "id" varchar NOT NULL,
  "name" varchar,
  "api_token_hash" varchar NOT NULL,
  "encryption_key_encrypted" text NOT NULL,
  "created_at" datetime,
  "updated_at" datetime,
  "last_seen_at" datetime,
  "fingerprint" varchar,
  "api_token_encrypted" text,
  PRIMARY KEY ("id")
)

-- name: clients.1
CREATE INDEX IF NOT EXISTS "<clients>_last_seen_at_index" ON {clients} ("last_seen_at")

-- name: clients.2
CREATE UNIQUE INDEX IF NOT EXISTS "<clients>_fingerprint_unique" ON {clients} ("fingerprint")

-- name: messages
CREATE TABLE IF NOT EXISTS {messages} (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "from_client_id" varchar,
  "to_client_id" varchar NOT NULL,
  "type" varchar NOT NULL,
  "ciphertext" text NOT NULL,
  "nonce" varchar NOT NULL,
  "tag" varchar NOT NULL,
  "created_at" datetime NOT NULL
)

-- name: messages.1
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_id_index" ON {messages} ("to_client_id", "id")

-- name: messages.2
CREATE INDEX IF NOT EXISTS "<messages>_from_client_id_index" ON {messages} ("from_client_id")

-- name: messages.3
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_index" ON {messages} ("to_client_id")

-- name: message_receipts
CREATE TABLE IF NOT EXISTS {message_receipts} (
  "client_id" varchar NOT NULL,
  "last_acked_message_id" integer,
  "created_at" datetime,
  "updated_at" datetime,
  PRIMARY KEY ("client_id")
)
