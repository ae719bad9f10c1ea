#!/usr/bin/env bash
# Formatting, clippy and the documentation with warnings denied, the shaders, and the scripts where shellcheck is there.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

# A minimal toolchain comes without rustfmt and clippy.
have_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || die "cargo $1 is missing: install it with your Rust packages"
    run_logged "cargo $1 is missing: run rustup component add $2" rustup component add "$2"
}

have_component fmt rustfmt
have_component clippy clippy

cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --quiet --no-deps --lib
cargo test --locked --quiet --test borders --test shaders
if command -v shellcheck >/dev/null; then
    shellcheck -x scripts/*.sh scripts/gpu-bench .ci/run
else
    say "the scripts were not checked: shellcheck is not installed"
fi
