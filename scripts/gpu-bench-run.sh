#!/usr/bin/env bash
# Runs on a machine with a graphics card and its driver, and needs nothing else; see scripts/gpu-bench, which packs it.
#
#   PROVIDER=cuda FRAMES=500 SIZE=1920x1080 ./run
#
# What was packed small is unpacked into WORK, by default a folder in $TMPDIR that is removed at the end: where programs of /tmp
# may not run, or it is too small (the CUDA provider takes some hundred MB), name another.
set -euo pipefail
cd "$(dirname "$0")"

readonly PROVIDER=${PROVIDER:-cuda} FRAMES=${FRAMES:-500} SIZE=${SIZE:-1920x1080}
# Not in the kit itself, which may lie where nothing can be written.
if [ -z "${WORK:-}" ]; then
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
fi
mkdir -p "$WORK"
WORK=$(cd "$WORK" && pwd)
readonly WORK

# What was packed small is made whole again.
unpack() {
    local file
    mkdir -p "$WORK/runtime"
    gunzip -c kit/bin/stylize.gz >"$WORK/stylize"
    chmod +x "$WORK/stylize"
    for file in kit/runtime/*; do
        case "$file" in
            *.gz) gunzip -c "$file" >"$WORK/runtime/$(basename "$file" .gz)" ;;
            *) cp "$file" "$WORK/runtime" ;;
        esac
    done
    if compgen -G 'parts/providers_cuda.gz.*' >/dev/null; then
        cat parts/providers_cuda.gz.* | gunzip -c >"$WORK/runtime/libonnxruntime_providers_cuda.so"
    fi
    for file in cuda/lib*; do
        [ ! -f "$file" ] || ln -sf "$PWD/$file" "$WORK/runtime/"
    done
}

# Sets `program`: as it is, or with the C library that was packed where the system's is too old. The libraries are the program's
# alone: the system's own tools would take them, too.
choose_program() {
    local libraries="$PWD/kit/lib:$WORK/runtime:/usr/local/cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    program=(env "ORT_DYLIB_PATH=$WORK/runtime" "LD_LIBRARY_PATH=$libraries" "$WORK/stylize")
    if ! "${program[@]}" --version >/dev/null 2>&1; then
        program=(env "ORT_DYLIB_PATH=$WORK/runtime" "$PWD"/kit/glibc/ld-linux-*.so.*
            --library-path "$PWD/kit/glibc:$libraries:/usr/lib/$(uname -m)-linux-gnu" "$WORK/stylize")
    fi
    "${program[@]}" --version || { echo "the program does not start here" >&2; exit 1; }
}

# Bandwidth in GB/s and TFLOPS of dense fp16 of a card, by its maker's data sheet.
sheet_of() {
    case "$1" in
        *H200*) echo 4800 989 ;;
        *H100*PCIe*) echo 2000 756 ;;
        *H100*) echo 3350 989 ;;
        *A100*) echo 2039 312 ;;
        *L40S*) echo 864 362 ;;
        *L4,*) echo 300 121 ;;
        *4090*) echo 1008 165 ;;
        *3090*) echo 936 71 ;;
        *) echo "" ;;
    esac
}

# floors NAME: the two floors of the network of that name, for one frame of SIZE.
floors() {
    local cost sheet
    cost=$(awk -v name="$1" '$1 == name { print $2, $3 }' kit/models/costs)
    sheet=$(sheet_of "$card")
    if [ -z "$cost" ] || [ -z "$sheet" ]; then
        echo "  floors: not known ($card)"
        return
    fi
    echo "$cost $sheet ${SIZE/x/ }" | awk '{
        pixels = $5 * $6
        bandwidth = pixels * $2 / ($3 * 1e6); arithmetic = pixels * $1 * 2e3 / ($4 * 1e9)
        printf "  floors of the network: bandwidth %.3f ms (%.0f bytes a pixel, layer by layer), arithmetic %.3f ms (%.1f kMAC a pixel)\n",
            bandwidth, $2, arithmetic, $1 }'
}

row() {
    local name=$1
    shift
    echo "== $name $*"
    "${program[@]}" bench --inside --size "$SIZE" --frames "$FRAMES" --provider "$PROVIDER" "$@" || echo "  failed (exit $?)"
    floors "$name"
}

main() {
    local card program
    card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1 || true)
    card=${card:-no NVIDIA card}
    echo "$card; $(nproc) cores; $(uname -sr)"
    unpack
    choose_program
    for convert in gpu cpu; do
        echo "-- colours on the $convert"
        row live --tier live --convert "$convert"
        for fine in kit/models/*.fine.fp16.onnx; do
            [ ! -f "$fine" ] || row fine --style "$fine" --convert "$convert"
        done
        if [ -f kit/models/other.onnx ]; then
            # shellcheck disable=SC2046 # a list of options
            row other --style kit/models/other.onnx $(cat kit/models/other.options) --convert "$convert"
        fi
    done
}

main
