# The commands of development (https://just.systems). Each also works without just: copy its line.

# The modules that `test` leaves out as a whole; the profile `fast` in .config/nextest.toml leaves out the same.
left_out := "browser:: crash:: interop:: upgrade:: ::redis:: ::mariadb:: ::postgres:: ::servers::"

[private]
default:
    @{{just_executable()}} --list --unsorted

# Check the format and the lints, at once
check:
    @cargo fmt --check & format=$!; cargo clippy --all-targets -- --deny warnings && wait $format

# Run the fast tests, which need only Rust: all, or those whose path contains FILTER
test *FILTER:
    @if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi; \
    PRESENCE_SIDECAR_TESTS=fast cargo test --quiet --test main -- --test-threads 16 {{prepend("--skip ", left_out)}} {{FILTER}}

# Check and test everything, as continuous integration does (Debian 12; installs what is missing, as root)
test-all:
    tests/run

# Write openapi/ after a change to the API
openapi:
    cargo run --quiet -- openapi

# Measure the release binary; OPTIONS such as --only heartbeat, see --help
bench *OPTIONS:
    tests/bench/run {{OPTIONS}}

# Build archives, a Debian package, checksums and the list of components, into target/dist
dist *TARGETS:
    docker/dist {{TARGETS}}

# Install that package and those archives in empty Debian 12 and 13, run them, upgrade, purge (as root)
test-dist *OPTIONS:
    tests/package/run {{OPTIONS}}

# Run the sidecar on one SQLite file, without configuration
run:
    cargo run -- serve
