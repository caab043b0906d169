"""The releases, the peers that each of them has, and the tests that run against each peer."""

import dataclasses

COMMON = "ca-certificates procps iproute2 util-linux mount openssl sqlite3"
PHP = "php-cli php-fpm php-redis php-igbinary php-mysql php-pgsql php-sqlite3 php-curl php-xml php-mbstring php-laravel-framework composer phpunit"
SUITES = {
    "trixie": f"{COMMON} {PHP} php-predis redis-server mariadb-server postgresql",
    "forky": f"{COMMON} {PHP} php-msgpack php-predis nginx redis-server redis-sentinel valkey-server mariadb-server postgresql",
    "sid": f"{COMMON} mysql-server php-cli php-redis php-mysql php-sqlite3 php-mbstring php-xml php-laravel-framework",
}


@dataclasses.dataclass
class Peer:
    """A peer, the release that has it (None: this machine), the command that prints its version, and the tests that run against it."""

    name: str
    suite: str | None
    version: str
    # Parts of the names of Rust tests; `skip` leaves some of them out.
    tests: list[str] = dataclasses.field(default_factory=list)
    skip: list[str] = dataclasses.field(default_factory=list)
    # Instead of Rust tests.
    command: str = ""
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    # Programs by the name under which the tests start them.
    aliases: dict[str, str] = dataclasses.field(default_factory=dict)
    # A folder of programs that come before all others.
    path: str = ""
    # Whether it uses the Chromium of this machine, and a `target/` of its own.
    browser: bool = False
    own_target: bool = False


LARAVEL = "dpkg-query --show --showformat 'Laravel ${Version}, ' php-laravel-framework; php -r 'echo \"PHP \", PHP_VERSION;'"
BRIDGE = "php-bridge/tests/run"
REDIS = ["redis", "crash::no_transition"]
NO_REDIS = ["config::", "laravel::", "interop::", "browser::", "::mariadb", "::postgres", "::sqlite", "::servers", "upgrade::", "docker::"]
# What a database server is for: presence, queues, messages, tables, faults, and the kills.
DATABASE = ["presence::", "queue::", "messaging::", "storage::", "crash::messages"]


def on_database(engine):
    """The environment in which tests that run on each engine run on this one alone, and those without its programs are left out."""
    return {"PRESENCE_SIDECAR_TESTS": "", "PRESENCE_SIDECAR_TESTS_ENGINES": engine}


# Parts of names that DATABASE selects as well, and that start no database server.
NO_DATABASE = [
    "redis", "memory", "::sqlite", "browser::", "cli::", "config::", "http::", "tui::",
    "presence::committer", "presence::model", "presence::outbox_rule", "presence::pace", "presence::records", "presence::remembered",
    "messaging::client_commands", "messaging::domain", "messaging::operator_commands", "messaging::requests", "messaging::seal",
    "storage::private_files", "storage::start",
]


def not_on(engine):
    return [*NO_DATABASE, engine]


PEERS = [
    Peer("laravel-8", None, LARAVEL, command=BRIDGE),
    Peer("laravel-10", "trixie", LARAVEL, command=BRIDGE, browser=True),
    Peer("laravel-13", "forky", LARAVEL, command=BRIDGE, browser=True),
    Peer("interop-10", "trixie", LARAVEL, ["interop::"]),
    Peer("interop-13", "forky", LARAVEL, ["interop::"]),
    Peer("interop-mysql-9", "sid", f"{LARAVEL}; mysqld --version | cut -d' ' -f2-4", ["interop::database"], path="tests/peers/mysql", environment=on_database("mariadb")),
    Peer("redis-8", "forky", "redis-server --version | cut -d' ' -f1-3", REDIS, NO_REDIS),
    Peer("valkey-9", "forky", "valkey-server --version | cut -d' ' -f1-3", REDIS, NO_REDIS, aliases={"redis-server": "valkey-server", "redis-cli": "valkey-cli"}),
    Peer("mysql-9", "sid", "mysqld --version | cut -d' ' -f2-4", DATABASE, not_on("postgres"), path="tests/peers/mysql", environment=on_database("mariadb")),
    Peer("mariadb-11", "forky", "mariadbd --version | cut -d' ' -f2-4", DATABASE, not_on("postgres"), path="tests/peers/tls", environment=on_database("mariadb")),
    Peer("postgres-18", "forky", "/usr/lib/postgresql/*/bin/postgres --version", DATABASE, not_on("mariadb"), environment=on_database("postgres")),
    Peer("debian-13", "trixie", "cat /etc/debian_version", command="tests/run", own_target=True),
]
