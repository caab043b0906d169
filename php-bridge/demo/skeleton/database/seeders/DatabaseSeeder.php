<?php

declare(strict_types=1);

namespace Database\Seeders;

use App\Models\User;
use Illuminate\Database\Seeder;

/** Ada and Grace; their password is "secret". */
final class DatabaseSeeder extends Seeder
{
    public function run(): void
    {
        foreach (['Ada', 'Grace'] as $name) {
            $email = strtolower($name) . '@example.com';
            User::create(['name' => $name, 'email' => $email, 'password' => 'secret']);
        }
    }
}
