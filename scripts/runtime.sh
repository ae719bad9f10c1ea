#!/usr/bin/env bash
# Fetches ONNX Runtime into .runtime/: official wheels, pinned by version and sha256, of which only the shared libraries and
# their licences are kept. A wheel is only a container here, so any Python 3 with pip can fetch it.
#
#   runtime.sh              fetches it unless it is there
#   runtime.sh --present    says by its exit status whether it is there (0) or would have to be fetched ($ABSENT)
#
# RUNTIME says which: cpu lies in .runtime itself; openvino, gpu (CUDA, cuDNN and the bridge to TensorRT) and webgpu have a
# folder each in there, so that the programs find the one that has the provider they are asked for. Without it, openvino is
# taken on Linux on x86-64, whose processors it makes twice as fast, and cpu elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly VERSION=1.31.1
# The newest that there are.
readonly OPENVINO_VERSION=1.24.1 WEBGPU_VERSION=1.27.0

default_kind() {
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) echo openvino ;;
        *) echo cpu ;;
    esac
}

KIND=${RUNTIME:-$(default_kind)}
readonly KIND

case "$KIND" in
    cpu) readonly FOLDER=.runtime NAME="ONNX Runtime $VERSION" ;;
    gpu) readonly FOLDER=.runtime/gpu NAME="ONNX Runtime $VERSION with CUDA 13 and cuDNN 9 (1.6 GB)" ;;
    openvino) readonly FOLDER=.runtime/openvino NAME="ONNX Runtime $OPENVINO_VERSION with OpenVINO" ;;
    webgpu) readonly FOLDER=.runtime/webgpu NAME="ONNX Runtime $WEBGPU_VERSION with WebGPU" ;;
    *) die "RUNTIME=$KIND is unknown: use cpu, gpu, openvino or webgpu" ;;
esac

# Sets `wheels` (a line each: project, version, tags of Python, ABI and platform, sha256) and `libraries` (the files that are
# kept) for this machine.
choose_wheels() {
    local machine
    machine=$(uname -s)-$(uname -m)
    case "$KIND-$machine" in
        cpu-Linux-x86_64)
            wheels="onnxruntime $VERSION cp cp312 manylinux_2_28_x86_64 1f3dea47f2f0e5117c2404cea7d21fd253ae7836a3bf167a501cdfbb2600d536"
            libraries=libonnxruntime.so.$VERSION ;;
        cpu-Linux-aarch64)
            wheels="onnxruntime $VERSION cp cp312 manylinux_2_28_aarch64 0b9a492176886992e0e875f06bc0367e333f5fff11711a2d642e18b02f3009cc"
            libraries=libonnxruntime.so.$VERSION ;;
        cpu-Darwin-arm64)
            wheels="onnxruntime $VERSION cp cp312 macosx_14_0_arm64 96dd2564b10ea7153ad9c207e7cd8e5917cb3ba521e0e0a62ac03486fdc8d56c"
            libraries=libonnxruntime.$VERSION.dylib ;;
        gpu-Linux-x86_64)
            wheels="onnxruntime-gpu $VERSION cp cp312 manylinux_2_28_x86_64 05d548956197b9d01f59b625de740e0d6be3593f874e241a12dc0362650ecdf7
nvidia-cuda-runtime 13.5.37 py none manylinux_2_17_x86_64 df2b79a8852f10d1fef8c848489c49eebb5754051bf870202a862831412b179d
nvidia-cuda-nvrtc 13.5.37 py none manylinux_2_12_x86_64 86b4d68058807988b7d9af5b44917a0601e9c337f35ccd657bfb3c759ff8d8bc
nvidia-nvjitlink 13.5.37 py none manylinux_2_12_x86_64 280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb
nvidia-cublas 13.10.0.20 py none manylinux_2_5_x86_64 dcc6d63884c53d07e267ce7e6feac17b2538cebaafec5db865736c3e28e4dc84
nvidia-curand 10.4.5.25 py none manylinux_2_27_x86_64 22bb226a857e5888fe6b54ae465fc4371296bcff13a35f79e19691bcf454f529
nvidia-cufft 12.5.0.14 py none manylinux_2_17_x86_64 b8be26837a5abad2b5b74f3e92dd29f622a42934b355be0961a48712cbba23ad
nvidia-cudnn-cu13 9.28.1.4 py none manylinux_2_27_x86_64 a54f205b1db1f2895d99f398754db1369816f0569dd459731f925635cf7b65ec"
            libraries="libonnxruntime.so.$VERSION libonnxruntime_providers_shared.so libonnxruntime_providers_cuda.so
                libonnxruntime_providers_tensorrt.so libcudart.so.13 libnvrtc.so.13 libnvrtc-builtins.so.13.5 libnvJitLink.so.13
                libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libcufft.so.12 libcudnn.so.9 libcudnn_adv.so.9
                libcudnn_cnn.so.9 libcudnn_engines_precompiled.so.9 libcudnn_engines_runtime_compiled.so.9
                libcudnn_engines_tensor_ir.so.9 libcudnn_ext.so.9 libcudnn_graph.so.9 libcudnn_heuristic.so.9 libcudnn_ops.so.9" ;;
        openvino-Linux-x86_64)
            wheels="onnxruntime-openvino $OPENVINO_VERSION cp cp312 manylinux_2_28_x86_64 d617fac2f59a6ab5ea59a788c3e1592240a129642519aaeaa774761dfe35150e"
            libraries="libonnxruntime.so.$OPENVINO_VERSION libonnxruntime_providers_shared.so libonnxruntime_providers_openvino.so
                libopenvino.so.2541 libopenvino_onnx_frontend.so.2541 libopenvino_intel_cpu_plugin.so
                libopenvino_intel_gpu_plugin.so libtbb.so.12" ;;
        webgpu-Linux-x86_64)
            wheels="onnxruntime-webgpu $WEBGPU_VERSION cp cp312 manylinux_2_28_x86_64 fe5e49e00ad71bc667316d57670bfbf525438783d4a3468e0d337314ec985cbe"
            libraries=libonnxruntime.so.$WEBGPU_VERSION ;;
        *) die "there is no wheel of ONNX Runtime for RUNTIME=$KIND on $(uname -s) $(uname -m): build the library and name it by ORT_DYLIB_PATH" ;;
    esac
}

size_of() {
    wc -c <"$1" | tr -d ' '
}

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# Prints what tells a whole installation in `$1`: the wheels that it came from, and how long each library is.
stamp_of() {
    local project version python abi platform sha256 library
    while read -r project version python abi platform sha256; do printf '%s ' "$sha256"; done <<<"$wheels"
    # shellcheck disable=SC2086 # a list of words
    for library in $libraries; do printf '%s ' "$(size_of "$1/$library" 2>/dev/null)"; done
}

# A cut library is fetched again.
present() {
    [ -f "$FOLDER/stamp" ] && [ "$(tr -s ' \n' ' ' <"$FOLDER/stamp" | sed 's/ *$//')" = "$(stamp_of "$FOLDER" | sed 's/ *$//')" ]
}

# Prints a Python whose pip works; where the system's has none, that of a throw-away environment in `$1`.
python_with_pip() {
    if python3 -m pip --version >/dev/null 2>&1; then
        echo python3
    elif python3 -m venv "$1/venv" >/dev/null 2>&1; then
        echo "$1/venv/bin/python3"
    fi
}

# fetch_wheel PYTHON PROJECT VERSION PYTHON-TAG ABI PLATFORM SHA256: its libraries and licences, below `$temporary/ready`.
fetch_wheel() {
    local python=$1 project=$2 version=$3 tag=$4 abi=$5 platform=$6 sha256=$7 wheel found file
    local unpacked=$temporary/wheel
    rm -rf "$unpacked" "$temporary"/*.whl
    # The tags are those of the pinned file, whatever the Python that fetches it.
    run_logged "$project $version could not be fetched: look at the network, or name a library by ORT_DYLIB_PATH" \
        "$python" -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --platform "$platform" \
        --python-version 3.12 --implementation "$tag" --abi "$abi" --dest "$temporary" "$project==$version"
    wheel=$(echo "$temporary"/*.whl)
    found=$(sha256_of "$wheel")
    [ "$found" = "$sha256" ] || die "the fetched ${wheel##*/} has sha256 $found, not $sha256: it was not used; try again, or report it"
    run_logged "${wheel##*/} could not be unpacked: is the disk full?" "$python" -m zipfile -e "$wheel" "$unpacked"
    # shellcheck disable=SC2086 # a list of words
    for file in $libraries; do
        find "$unpacked" -type f -name "$file" -exec mv {} "$temporary/ready/$file" \;
    done
    find "$unpacked" -type f \( -name LICENSE -o -name License.txt \) -exec mv {} "$temporary/ready/${project/#onnxruntime-*/onnxruntime}-LICENSE" \;
    find "$unpacked" -type f -name ThirdPartyNotices.txt -exec mv {} "$temporary/ready/onnxruntime-ThirdPartyNotices.txt" \;
}

fetch() {
    local python project version tag abi platform sha256 file
    python=$(python_with_pip "$temporary")
    [ -n "$python" ] || die "ONNX Runtime cannot be fetched without pip: install Python 3 with pip, or name a library by ORT_DYLIB_PATH"
    say "fetching $NAME"
    mkdir "$temporary/ready"
    while read -r project version tag abi platform sha256; do
        fetch_wheel "$python" "$project" "$version" "$tag" "$abi" "$platform" "$sha256"
    done <<<"$wheels"
    # shellcheck disable=SC2086 # a list of words
    for file in $libraries; do
        [ -f "$temporary/ready/$file" ] || die "the wheels of RUNTIME=$KIND hold no $file: report it"
        chmod 644 "$temporary/ready/$file"
    done
    stamp_of "$temporary/ready" >"$temporary/stamp"
    # Of libraries of two versions the programs take the newer, which may not be this one.
    rm -f "$FOLDER/stamp" "$FOLDER"/lib*
    mv "$temporary/ready"/* "$FOLDER"
    mv "$temporary/stamp" "$FOLDER/stamp"
}

main() {
    if [ -n "${ORT_DYLIB_PATH:-}" ]; then
        [ -e "$ORT_DYLIB_PATH" ] || die "ORT_DYLIB_PATH names $ORT_DYLIB_PATH, which does not exist: correct it or unset it"
        if [ -n "${RUNTIME:-}" ] && [ "${1:-}" != --present ]; then
            say "RUNTIME=$KIND was not fetched, as ORT_DYLIB_PATH names $ORT_DYLIB_PATH: unset it to fetch one"
        fi
        exit 0
    fi
    local wheels libraries
    choose_wheels
    if present; then exit 0; fi
    if [ "${1:-}" = --present ]; then exit "$ABSENT"; fi
    mkdir -p "$FOLDER"
    # What fetches that were killed have left, gigabytes perhaps; one of today may still be under way.
    find "$FOLDER" -maxdepth 1 -type d -name 'fetch.*' -mtime +0 -exec rm -rf {} +
    temporary=$(mktemp -d "$FOLDER/fetch.XXXXXX")
    trap 'rm -rf "$temporary"' EXIT
    fetch
}

main "$@"
