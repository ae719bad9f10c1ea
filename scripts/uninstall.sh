#!/usr/bin/env bash
# Removes what install.sh put into PREFIX, below DESTDIR if set, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly TO="${DESTDIR:-}${PREFIX:-/usr/local}"

for program in $PROGRAMS; do
    rm -f "$TO/bin/$program" \
        "$TO/share/bash-completion/completions/$program" \
        "$TO/share/fish/vendor_completions.d/$program.fish" \
        "$TO/share/zsh/site-functions/_$program"
done
rm -f "$TO/share/man/man1/stylize.1" "$TO"/share/man/man1/stylize-*.1
rm -rf "$TO/lib/stylize" "$TO/share/stylize/models" "$TO/share/doc/stylize"
rmdir "$TO/share/stylize" 2>/dev/null || true
say "removed from $TO"
