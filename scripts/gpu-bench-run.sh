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

# border MODEL: what it wants on each side of a picture, and what the sides are to be multiples of then.
border() {
    "${program[@]}" inspect "$@" | awk '$1 == "pad" { pad = $2 } $1 == "multiple_of" { multiple = $2 }
        END { print pad + 0, (multiple > 0 ? multiple : 1) }'
}

# floors NAME MODEL OPTIONS: the two floors of the network of that name for one frame of SIZE with the border that MODEL wants, and
# how near what was measured comes to the higher one.
floors() {
    local name=$1 cost sheet measured
    shift
    cost=$(awk -v name="$name" '$1 == name { print $2, $3 }' kit/models/costs)
    sheet=$(sheet_of "$card")
    measured=$(sed -n 's/^ *of that the network *p50 \([0-9.]*\) ms.*/\1/p' "$WORK/measured")
    if [ -z "$cost" ] || [ -z "$sheet" ]; then
        echo "  floors: not known ($card)"
        return
    fi
    echo "$cost $sheet ${SIZE/x/ } $(border "$@") ${measured:-0}" | awk '
        function padded(side) { return int((side + 2 * $7 + $8 - 1) / $8) * $8 }
        {
            pixels = padded($5) * padded($6)
            bandwidth = pixels * $2 / ($3 * 1e6); arithmetic = pixels * $1 * 2e3 / ($4 * 1e9)
            printf "  floors of the network at %dx%d, border included: bandwidth %.3f ms (%.0f bytes a pixel, layer by layer), arithmetic %.3f ms (%.1f kMAC a pixel)\n",
                padded($5), padded($6), bandwidth, $2, arithmetic, $1
            floor = bandwidth > arithmetic ? bandwidth : arithmetic
            if ($9 > 0) printf "  the network in %.3f ms: %.1f %% of what the higher floor allows; that time includes both copies, of its tensors to the card and back\n",
                $9, 100 * floor / $9
        }'
}

# row NAME MODEL [MODEL'S OPTIONS] -- [OPTIONS]: a line of the table.
row() {
    local name=$1 model=()
    shift
    while [ "$1" != -- ]; do
        model+=("$1")
        shift
    done
    shift
    echo "== $name ${model[*]} $*"
    "${program[@]}" bench --inside --size "$SIZE" --frames "$FRAMES" --provider "$PROVIDER" --style "${model[@]}" "$@" |
        tee "$WORK/measured" || echo "  failed"
    floors "$name" "${model[@]}"
}

main() {
    local card program
    card=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | head -n 1 || true)
    card=${card:-no NVIDIA card}
    echo "$card; $(nproc) cores; $(uname -sr)"
    unpack
    choose_program
    # What is missing on the machine; where nothing runs, the table says so.
    "${program[@]}" doctor || true
    for convert in gpu cpu; do
        echo "-- colours on the $convert"
        row live wave -- --tier live --convert "$convert"
        for fine in kit/models/*.fine.fp16.onnx; do
            [ ! -f "$fine" ] || row fine "$fine" -- --convert "$convert"
        done
        if [ -f kit/models/other.onnx ]; then
            # shellcheck disable=SC2046 # a list of options
            row other kit/models/other.onnx $(cat kit/models/other.options) -- --convert "$convert"
        fi
    done
}

main
