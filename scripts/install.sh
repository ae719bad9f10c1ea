#!/usr/bin/env bash
# Installs the programs, the ONNX Runtime that they load, manual pages and completions into PREFIX, below DESTDIR if set.
# As root by way of sudo it builds nothing, so that the project's folder stays its owner's: build first.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly TO="${DESTDIR:-}${PREFIX:-/usr/local}"
readonly BUILT="${CARGO_TARGET_DIR:-target}/release"

build() {
    if [ -n "${SUDO_USER:-}" ]; then
        local program
        for program in $PROGRAMS; do
            [ -x "$BUILT/$program" ] || die "$BUILT/$program is not there: run make build first (without sudo), then sudo make install"
        done
    else
        make build
    fi
}

install_runtime() {
    local file found=""
    for file in .runtime/libonnxruntime*; do
        [ -f "$file" ] || continue
        found=1
        install -d "$TO/lib/stylize" "$TO/share/doc/stylize"
        install -m 644 "$file" "$TO/lib/stylize"
    done
    if [ -z "$found" ]; then
        say "no ONNX Runtime was installed, .runtime holds none: set ORT_DYLIB_PATH where the programs run"
        return
    fi
    install -m 644 .runtime/onnxruntime-LICENSE .runtime/onnxruntime-ThirdPartyNotices.txt "$TO/share/doc/stylize"
}

# bash and fish look for a file named after the command, zsh for one that begins with #compdef and the command: there the
# one script is cut at these lines.
install_completions() {
    local stylize="$BUILT/stylize" bash="$TO/share/bash-completion/completions" program
    local fish="$TO/share/fish/vendor_completions.d" zsh="$TO/share/zsh/site-functions"
    install -d "$bash" "$fish" "$zsh"
    "$stylize" completions bash >"$bash/stylize"
    "$stylize" completions fish >"$fish/stylize.fish"
    "$stylize" completions zsh | awk -v folder="$zsh" '/^#compdef / { file = folder "/_" $2 } file { print > file }'
    for program in $PROGRAMS; do
        [ "$program" != stylize ] || continue
        ln -sf stylize "$bash/$program"
        ln -sf stylize.fish "$fish/$program.fish"
    done
}

main() {
    local program
    build
    install -d "$TO/bin" "$TO/share/man/man1" "$TO/share/doc/stylize"
    for program in $PROGRAMS; do
        install -m 755 "$BUILT/$program" "$TO/bin"
    done
    install -m 644 README.md LICENSE-MIT LICENSE-APACHE "$TO/share/doc/stylize"
    install_runtime
    "$BUILT/stylize" man "$TO/share/man/man1"
    install_completions
    say "installed into $TO"
}

main
