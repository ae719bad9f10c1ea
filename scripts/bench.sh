#!/usr/bin/env bash
# What the programs do in real time, and how that compares with Python: `make bench`, after the kernels.
#
#   RUNS=5       runs of each measurement; the median counts
#   FRAMES=300   frames of each clip, in whole seconds of 25
#   LONG=1       ten thousand frames of 1920x1080 as well: whether memory stays flat (minutes)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly ENVIRONMENT=.benchmark

if ! "$ENVIRONMENT/bin/python" -c 'import cv2, imageio_ffmpeg, onnx, onnxruntime' 2>/dev/null; then
    say "setting up the Python that is compared with in $ENVIRONMENT"
    run_logged "no Python environment can be made: install Python 3 with venv (python3-venv)" python3 -m venv "$ENVIRONMENT"
    run_logged "the Python packages that are compared with cannot be installed: look at the network" "$ENVIRONMENT/bin/pip" install --quiet \
        opencv-python-headless imageio-ffmpeg onnx "onnxruntime==$(sed -n 's/^readonly VERSION=//p' scripts/runtime.sh)" numpy
fi
cargo build --release --locked --bins --example demo_clip
exec "$ENVIRONMENT/bin/python" scripts/bench.py --runs "${RUNS:-5}" --frames "${FRAMES:-300}" ${LONG:+--long}
