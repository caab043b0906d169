<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** The SQLite database of an app that keeps its cache there, as `php artisan migrate` leaves it. */
final class AppDatabase
{
    /** Creates the tables of migrations and cache in a file, which need not exist. */
    public static function migrate(string $file): void
    {
        $statements = [
            'CREATE TABLE migrations (id integer PRIMARY KEY, migration varchar NOT NULL, batch integer NOT NULL)',
            'CREATE TABLE cache (key varchar PRIMARY KEY, value text NOT NULL, expiration integer NOT NULL)',
            'CREATE TABLE cache_locks (key varchar PRIMARY KEY, owner varchar NOT NULL, expiration integer NOT NULL)',
            "INSERT INTO migrations (migration, batch) VALUES ('0001_01_01_000001_create_cache_table', 1)",
        ];
        $database = new \PDO("sqlite:{$file}");
        foreach ($statements as $statement) {
            $database->exec($statement);
        }
    }
}
