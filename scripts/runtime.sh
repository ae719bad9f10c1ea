#!/usr/bin/env bash
# Fetches ONNX Runtime into .runtime/: the official wheel, pinned by version and sha256, of which only the shared library
# and its licences are kept. The wheel is only a container here, so any Python 3 with pip can fetch it.
#
#   runtime.sh              fetches it unless it is there
#   runtime.sh --present    says by its exit status whether it is there (0) or would have to be fetched ($ABSENT)
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly VERSION=1.31.1
readonly FOLDER=.runtime

# Sets `platform` (of the wheel), `sha256` (of the wheel) and `library` (the file in it) for this machine.
choose_wheel() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64)
            platform=manylinux_2_28_x86_64
            sha256=1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536
            library=libonnxruntime.so.$VERSION ;;
        Linux-aarch64)
            platform=manylinux_2_28_aarch64
            sha256=0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc
            library=libonnxruntime.so.$VERSION ;;
        Darwin-arm64)
            platform=macosx_14_0_arm64
            sha256=96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c
            library=libonnxruntime.$VERSION.dylib ;;
        *) die "there is no ONNX Runtime $VERSION wheel for $(uname -s) $(uname -m): build the library and name it by ORT_DYLIB_PATH" ;;
    esac
}

size_of() {
    wc -c <"$1" | tr -d ' '
}

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# The stamp tells which wheel the library came from and how long it is: a cut file is fetched again.
present() {
    [ -f "$FOLDER/$library" ] && [ -f "$FOLDER/stamp" ] &&
        [ "$(cat "$FOLDER/stamp")" = "$sha256 $(size_of "$FOLDER/$library")" ]
}

# Prints a Python whose pip works; where the system's has none, that of a throw-away environment in `$1`.
python_with_pip() {
    if python3 -m pip --version >/dev/null 2>&1; then
        echo python3
    elif python3 -m venv "$1/venv" >/dev/null 2>&1; then
        echo "$1/venv/bin/python3"
    fi
}

fetch() {
    local temporary=$1 python found
    local wheel="$temporary/onnxruntime-$VERSION-cp312-cp312-$platform.whl"
    python=$(python_with_pip "$temporary")
    [ -n "$python" ] || die "ONNX Runtime cannot be fetched without pip: install Python 3 with pip, or name a library by ORT_DYLIB_PATH"
    say "fetching ONNX Runtime $VERSION"
    # The tags are those of the pinned file, whatever the Python that fetches it.
    run_logged "ONNX Runtime $VERSION could not be fetched: look at the network, or name a library by ORT_DYLIB_PATH" \
        "$python" -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --platform "$platform" \
        --python-version 3.12 --implementation cp --abi cp312 --dest "$temporary" "onnxruntime==$VERSION"
    found=$(sha256_of "$wheel")
    [ "$found" = "$sha256" ] || die "the fetched ${wheel##*/} has sha256 $found, not $sha256: it was not used; try again, or report it"
    run_logged "${wheel##*/} could not be unpacked: is the disk full?" "$python" -m zipfile -e "$wheel" "$temporary/wheel"
    mv "$temporary/wheel/onnxruntime/LICENSE" "$FOLDER/onnxruntime-LICENSE"
    mv "$temporary/wheel/onnxruntime/ThirdPartyNotices.txt" "$FOLDER/onnxruntime-ThirdPartyNotices.txt"
    chmod 644 "$temporary/wheel/onnxruntime/capi/$library"
    echo "$sha256 $(size_of "$temporary/wheel/onnxruntime/capi/$library")" >"$temporary/stamp"
    mv "$temporary/wheel/onnxruntime/capi/$library" "$FOLDER/$library"
    mv "$temporary/stamp" "$FOLDER/stamp"
}

main() {
    case "${RUNTIME:-cpu}" in
        cpu) ;;
        gpu | openvino | webgpu) die "RUNTIME=$RUNTIME is not available yet: use RUNTIME=cpu, or name a library by ORT_DYLIB_PATH" ;;
        *) die "RUNTIME=$RUNTIME is unknown: use RUNTIME=cpu" ;;
    esac
    if [ -n "${ORT_DYLIB_PATH:-}" ]; then
        [ -e "$ORT_DYLIB_PATH" ] || die "ORT_DYLIB_PATH names $ORT_DYLIB_PATH, which does not exist: correct it or unset it"
        exit 0
    fi
    local platform sha256 library
    choose_wheel
    if present; then exit 0; fi
    if [ "${1:-}" = --present ]; then exit "$ABSENT"; fi
    mkdir -p "$FOLDER"
    temporary=$(mktemp -d "$FOLDER/fetch.XXXXXX")
    trap 'rm -rf "$temporary"' EXIT
    fetch "$temporary"
}

main "$@"
