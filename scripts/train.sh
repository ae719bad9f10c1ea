#!/usr/bin/env bash
# Makes a style from one picture: sets up training/ in an environment of its own, trains, and writes the models.
#
#   STYLE_IMAGE=painting.jpg   the picture
#   NAME=mystyle               the style's name
#   CONTENT=DIR                photographs or videos to learn on; without it, your pictures folder
#   VGG=FILE.npz               VGG19; without it, torchvision fetches it
#   START=FILE.safetensors     a trained network to begin with; without it, the style wave
#   TIER=live|fine             which network
#   FORCE=1                    replaces what another training made under this name
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly ENVIRONMENT=.training

# PyTorch as its makers build it for CPUs: on Linux that of PyPI brings gigabytes of CUDA.
readonly CPU_BUILDS=https://download.pytorch.org/whl/cpu

has_nvidia_driver() {
    [ -e /proc/driver/nvidia/version ] || [ -x /usr/lib/wsl/lib/nvidia-smi ] || command -v nvidia-smi >/dev/null
}

# Asked once: pip would try it again and again for each of thirty packages.
has_cpu_builds() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=10)' "$CPU_BUILDS/torch/" 2>/dev/null
}

if [ -z "${STYLE_IMAGE:-}" ] || [ -z "${NAME:-}" ]; then
    die "say what to make: make train STYLE_IMAGE=painting.jpg NAME=mystyle"
fi
[ -f "$STYLE_IMAGE" ] || die "$STYLE_IMAGE: no such file"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed"

if ! "$ENVIRONMENT/bin/python" -c 'import av, stylize_train, torchvision' 2>/dev/null; then
    builds="" # besides those of PyPI: to pip 2.0+cpu is later than 2.0
    if [ "$(uname -s)" = Linux ] && ! has_nvidia_driver && has_cpu_builds; then builds=$CPU_BUILDS; fi
    say "setting up PyTorch in $ENVIRONMENT (some minutes, gigabytes)"
    run_logged "no Python environment can be made: install python3-venv" python3 -m venv "$ENVIRONMENT"
    run_logged "PyTorch cannot be installed: look at the network and the disk" \
        "$ENVIRONMENT/bin/pip" install --quiet ${builds:+--extra-index-url "$builds"} --editable 'training[vgg,video]'
fi

if [ -z "${START:-}" ] && [ -f models/wave.live.safetensors ]; then START=models/wave.live.safetensors; fi
exec "$ENVIRONMENT/bin/python" -m stylize_train make "$STYLE_IMAGE" --name "$NAME" --tier "${TIER:-live}" \
    ${CONTENT:+--content "$CONTENT"} ${VGG:+--vgg "$VGG"} ${START:+--start "$START"} ${FORCE:+--force}
