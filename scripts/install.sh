#!/usr/bin/env bash
# Installs the programs, the ONNX Runtime that they load, the fine styles, manual pages and completions into PREFIX, below DESTDIR if set.
# As root by way of sudo it builds nothing, so that the project's folder stays its owner's: build first.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly TO="${DESTDIR:-}${PREFIX:-/usr/local}"

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

# The runtimes of .runtime, each in a folder of the same name.
install_runtime() {
    local kind folder file found=""
    for kind in . gpu openvino webgpu; do
        folder=.runtime/$kind
        [ -f "$folder/stamp" ] || continue
        found=1
        install -d "$TO/lib/stylize/$kind" "$TO/share/doc/stylize/$kind"
        # Of libraries of two versions the programs take the newer, which may not be this one.
        rm -f "$TO/lib/stylize/$kind"/lib*
        for file in "$folder"/lib*; do install -m 644 "$file" "$TO/lib/stylize/$kind"; done
        install -m 644 "$folder"/*-LICENSE "$folder"/*-ThirdPartyNotices.txt "$TO/share/doc/stylize/$kind"
    done
    [ -n "$found" ] || say "no ONNX Runtime was installed, .runtime holds none: set ORT_DYLIB_PATH where the programs run"
}

# The fine tier; the live one is in the programs.
install_models() {
    local model
    install -d "$TO/share/stylize/models"
    # Of an older version there may be some that this one does not have.
    rm -f "$TO/share/stylize/models"/*.fine.*.onnx
    for model in models/*.fine.*.onnx; do install -m 644 "$model" "$TO/share/stylize/models"; done
}

install_completions() {
    local program stylize="$BUILT/stylize" bash="$TO/share/bash-completion/completions"
    local fish="$TO/share/fish/vendor_completions.d" zsh="$TO/share/zsh/site-functions"
    install -d "$bash" "$fish" "$zsh"
    for program in $PROGRAMS; do
        "$stylize" completions bash --program "$program" >"$bash/$program"
        "$stylize" completions fish --program "$program" >"$fish/$program.fish"
        "$stylize" completions zsh --program "$program" >"$zsh/_$program"
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
    install_models
    "$BUILT/stylize" man "$TO/share/man/man1" >/dev/null
    install_completions
    say "installed into $TO"
}

main
