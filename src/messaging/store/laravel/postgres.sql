-- Laravel's tables on Postgres, as Laravel's migrations create them. A table that exists is left unchanged.

-- name: clients
CREATE TABLE IF NOT EXISTS {clients} (
  "id" uuid NOT NULL PRIMARY KEY,
  "name" varchar(255) NULL,
  "api_token_hash" varchar(255) NOT NULL,
  "encryption_key_encrypted" text NOT NULL,
  "created_at" timestamp(0) without time zone NULL,
  "updated_at" timestamp(0) without time zone NULL,
  "last_seen_at" timestamp(0) without time zone NULL,
  "fingerprint" varchar(255) NULL,
  "api_token_encrypted" text NULL,
  CONSTRAINT "<clients>_fingerprint_unique" UNIQUE ("fingerprint")
)

-- name: clients.1
CREATE INDEX IF NOT EXISTS "<clients>_last_seen_at_index" ON {clients} ("last_seen_at")

-- name: messages
CREATE TABLE IF NOT EXISTS {messages} (
  "id" bigserial NOT NULL PRIMARY KEY,
  "from_client_id" uuid NULL,
  "to_client_id" uuid NOT NULL,
  "type" varchar(255) NOT NULL,
  "ciphertext" text NOT NULL,
  "nonce" varchar(255) NOT NULL,
  "tag" varchar(255) NOT NULL,
  "created_at" timestamp(0) without time zone NOT NULL
)

-- name: messages.1
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_id_index" ON {messages} ("to_client_id", "id")

-- name: messages.2
CREATE INDEX IF NOT EXISTS "<messages>_from_client_id_index" ON {messages} ("from_client_id")

-- name: messages.3
CREATE INDEX IF NOT EXISTS "<messages>_to_client_id_index" ON {messages} ("to_client_id")

-- name: message_receipts
CREATE TABLE IF NOT EXISTS {message_receipts} (
  "client_id" uuid NOT NULL PRIMARY KEY,
  "last_acked_message_id" bigint NULL,
  "created_at" timestamp(0) without time zone NULL,
  "updated_at" timestamp(0) without time zone NULL
)
