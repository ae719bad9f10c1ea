#!/usr/bin/env bash
# Stylizes a clip and says where the result is. Without IN the clip is the project's own scene, rendered anew each time.
#
#   IN=FILE      video or still to stylize
#   OUT=FILE     where to; by default demo/NAME.stylized.EXT after IN
#   STYLE=NAME   style of the zoo, or an ONNX file
#   FORCE=1      an existing OUT may be replaced
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

# Prints where the stylized form of `$1` goes: the kinds that stylize-video writes are kept, others become mp4.
default_out() {
    local name=${1##*/} extension=mp4
    case "$name" in
        *.mp4 | *.mov | *.mkv | *.webm | *.png | *.jpg | *.jpeg) extension=${name##*.} ;;
    esac
    echo "demo/${name%.*}.stylized.$extension"
}

main() {
    local in=${IN:-} out=${OUT:-} force=${FORCE:-} options=() code=0
    if [ -n "$in" ] && [ ! -e "$in" ]; then die "IN=$in: no such file"; fi

    mkdir -p demo
    if [ -z "$in" ]; then
        cargo build --release --locked --bins --example demo_clip
        in=demo/scene.mp4
        # Not by `cargo run`, which builds each alone, and so all of it again: examples ask more of some dependencies.
        "$BUILT/examples/demo_clip" "$in"
        # Without an OUT of the user's, the result is ours as well and may be made anew.
        if [ -z "$out" ]; then force=1; fi
    else
        cargo build --release --locked --bins
    fi
    out=${out:-$(default_out "$in")}
    if [ -f "$out" ] && [ -z "$force" ]; then die "$out exists: FORCE=1 replaces it, OUT=FILE names another"; fi

    if [ -n "${STYLE:-}" ]; then options+=(--style "$STYLE"); fi
    if [ -n "$force" ]; then options+=(--force); fi
    # bash 3.2 (macOS) takes an empty array for an unset variable.
    "$BUILT/stylize-video" ${options[@]+"${options[@]}"} -- "$in" "$out" || code=$?
    # 7: there is a result, though the input was damaged or cut; stylize-video has said so.
    if [ "$code" != 0 ] && [ "$code" != 7 ]; then exit "$code"; fi
    say "the original is $in"
    say "the painting is $out"
}

main
