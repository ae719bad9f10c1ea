#!/usr/bin/env bash
# Broken files through the whole program, then, where cargo-fuzz is installed, the readers of foreign bytes by libFuzzer.
# What is found is kept in target/mutations and fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."

STYLIZE_MUTATIONS="${MUTATIONS:-3000}" cargo test --release --locked --test mutations -- --nocapture

if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is not here (rustup toolchain install nightly; cargo install cargo-fuzz): its targets were left out" >&2
    exit 0
fi
for target in $(cargo +nightly fuzz list); do
    cargo +nightly fuzz run "$target" -- -max_total_time="${SECONDS_EACH:-60}" -rss_limit_mb=2048
done
