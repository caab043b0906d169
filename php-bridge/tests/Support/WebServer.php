<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** nginx and php-fpm in front of an app's public folder. */
final class WebServer
{
    private readonly Process $fpm;

    private readonly Process $nginx;

    public function __construct(string $public, int $port, private readonly int $workers = 4)
    {
        $folder = Process::folder();
        file_put_contents("{$folder}/fpm.conf", $this->fpmConfiguration($folder));
        file_put_contents("{$folder}/nginx.conf", $this->nginxConfiguration($folder, $public, $port));
        // As root, php-fpm asks for -R, since the app's folder is this user's alone.
        $this->fpm = new Process([self::fpm(), '-R', '-F', '-y', "{$folder}/fpm.conf"], Process::folder());
        $this->fpm->await(fn (): bool => file_exists("{$folder}/fpm.sock"));
        $command = ['nginx', '-p', $folder, '-e', 'stderr', '-c', "{$folder}/nginx.conf"];
        $this->nginx = new Process($command, Process::folder());
        $this->nginx->await(fn (): bool => Process::isListening($port));
    }

    /** Returns whether this machine has both. */
    public static function isInstalled(): bool
    {
        return self::fpm() !== '' && exec('command -v nginx') !== '';
    }

    /** Returns the output of both, for messages. */
    public function output(): string
    {
        return $this->nginx->output() . $this->fpm->output();
    }

    private static function fpm(): string
    {
        return (string) exec('PATH="$PATH:/usr/sbin" command -v php-fpm' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION);
    }

    private function fpmConfiguration(string $folder): string
    {
        $user = posix_getpwuid(posix_getuid())['name'];
        $group = posix_getgrgid(posix_getgid())['name'];

        return "[global]\nerror_log = /dev/stderr\n[www]\nuser = {$user}\ngroup = {$group}\n"
            . "listen = {$folder}/fpm.sock\npm = static\npm.max_children = " . $this->workers
            . "\nclear_env = no\ncatch_workers_output = yes\n";
    }

    private function nginxConfiguration(string $folder, string $public, int $port): string
    {
        $user = posix_getuid() === 0 ? 'user root;' : '';
        $temporary = '';
        foreach (['client_body', 'fastcgi', 'proxy', 'scgi', 'uwsgi'] as $kind) {
            $temporary .= "{$kind}_temp_path {$folder}/{$kind};\n";
        }

        return <<<CONF
            daemon off; {$user} pid {$folder}/nginx.pid; worker_processes 1;
            events { worker_connections 128; }
            http {
                access_log off; include /etc/nginx/mime.types;
                {$temporary}
                server {
                    listen 127.0.0.1:{$port};
                    root {$public};
                    index index.php;
                    location / { try_files \$uri \$uri/ /index.php?\$query_string; }
                    location ~ \.php\$ {
                        include /etc/nginx/fastcgi_params;
                        fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
                        fastcgi_pass unix:{$folder}/fpm.sock;
                    }
                }
            }
            CONF;
    }
}
