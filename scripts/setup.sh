#!/usr/bin/env bash
# Does what is missing before stylize can be built and run, and nothing when nothing is: a C toolchain, GStreamer with
# the plugins that the main job needs, a Vulkan driver, PipeWire, ONNX Runtime. What counts is what is found, not which
# package it came from: an own GStreamer, or a library named by ORT_DYLIB_PATH, is taken as it is.
#
#   STYLIZE_NO_INSTALL=1   never install system packages; say the command instead
#   ORT_DYLIB_PATH=FILE    use this ONNX Runtime
#   RUNTIME=KIND           which ONNX Runtime to fetch: cpu, openvino, gpu or webgpu
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

readonly RUST_FLOOR=1.92
readonly GSTREAMER_FLOOR=1.22
readonly GSTREAMER_MODULES="gstreamer-1.0 gstreamer-base-1.0 gstreamer-app-1.0 gstreamer-video-1.0 gstreamer-pbutils-1.0"
# Demuxers, decoders, encoders and muxers without which the main job fails on an everyday file.
readonly GSTREAMER_ELEMENTS="appsink appsrc urisourcebin parsebin decodebin videoconvertscale videoflip deinterlace
    qtdemux matroskademux mp4mux qtmux matroskamux webmmux h264parse h265parse vp9parse aacparse
    avdec_h264 avdec_h265 vp8dec vp9dec x264enc vp9enc avenc_ffv1 avenc_aac opusenc"

has_toolchain() {
    cc --version >/dev/null 2>&1 && command -v pkg-config >/dev/null
}

# Prints what of GStreamer is missing: nothing, if all is there.
missing_of_gstreamer() {
    local module element elements
    if ! command -v pkg-config >/dev/null; then
        echo "pkg-config"
        return
    fi
    for module in $GSTREAMER_MODULES; do
        pkg-config --atleast-version="$GSTREAMER_FLOOR" "$module" || echo "$module>=$GSTREAMER_FLOOR"
    done
    if ! command -v gst-inspect-1.0 >/dev/null; then
        echo "gst-inspect-1.0"
        return
    fi
    elements=" $(gst-inspect-1.0 2>/dev/null | awk -F ': *' '{ print $2 }' | tr '\n' ' ') "
    for element in $GSTREAMER_ELEMENTS; do
        case "$elements" in
            *" $element "*) ;;
            *) echo "$element" ;;
        esac
    done
}

# Whether some Vulkan driver is there: without a graphics card, Mesa's draws in software, and the tests of the shaders run
# on it. The programs do without.
has_vulkan() {
    local folder
    [ "$(uname -s)" = Linux ] || return 0
    for folder in /usr/share/vulkan/icd.d /etc/vulkan/icd.d /usr/local/share/vulkan/icd.d; do
        if compgen -G "$folder/*.json" >/dev/null; then return 0; fi
    done
    return 1
}

# What cameras are filmed through on Linux, and what stands in for one in the tests.
has_pipewire() {
    [ "$(uname)" = Linux ] || return 0
    command -v pipewire >/dev/null && command -v wireplumber >/dev/null && command -v dbus-run-session >/dev/null &&
        gst-inspect-1.0 pipewiresrc >/dev/null 2>&1 # --exists compares versions, and PipeWire has its own
}

# Whether the window can be tried in a display that nobody sees. Without, its tests say that they were skipped.
has_display() {
    [ "$(uname -s)" != Linux ] || { command -v Xvfb && command -v xdotool; } >/dev/null
}

has_pip() {
    python3 -m pip --version >/dev/null 2>&1 || python3 -c 'import venv, ensurepip' >/dev/null 2>&1
}

# Prints the packages of `$1` (toolchain, gstreamer, vulkan, pipewire, display or python) for the package manager `$2`.
packages_of() {
    case "$2-$1" in
        apt-toolchain) echo gcc libc6-dev pkg-config ;;
        apt-gstreamer) echo libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev gstreamer1.0-tools \
            gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
            gstreamer1.0-libav ;;
        apt-vulkan) echo mesa-vulkan-drivers libvulkan1 ;;
        apt-pipewire) echo pipewire wireplumber gstreamer1.0-pipewire dbus-daemon ;;
        apt-display) echo xvfb xdotool ;;
        apt-python) echo python3 python3-venv ;;
        dnf-toolchain) echo gcc pkgconf-pkg-config ;;
        dnf-gstreamer) echo gstreamer1-devel gstreamer1-plugins-base-devel gstreamer1-plugins-base \
            gstreamer1-plugins-good gstreamer1-plugins-bad-free gstreamer1-plugins-ugly gstreamer1-plugin-libav ;;
        dnf-vulkan) echo mesa-vulkan-drivers vulkan-loader ;;
        dnf-pipewire) echo pipewire wireplumber pipewire-gstreamer dbus-daemon ;;
        dnf-display) echo xorg-x11-server-Xvfb xdotool ;;
        dnf-python) echo python3 python3-pip ;;
        pacman-toolchain) echo gcc pkgconf ;;
        pacman-gstreamer) echo gstreamer gst-plugins-base gst-plugins-good gst-plugins-bad gst-plugins-ugly gst-libav ;;
        pacman-vulkan) echo vulkan-swrast vulkan-icd-loader ;;
        pacman-pipewire) echo pipewire wireplumber gst-plugin-pipewire dbus ;;
        pacman-display) echo xorg-server-xvfb xdotool ;;
        pacman-python) echo python python-pip ;;
        brew-toolchain) echo pkgconf ;;
        brew-gstreamer) echo gstreamer ;;
        brew-python) echo python ;;
    esac
}

package_manager() {
    local manager
    for manager in apt-get dnf pacman brew; do
        if command -v "$manager" >/dev/null; then
            echo "${manager%-get}"
            return
        fi
    done
}

# Prints the command that installs the packages `$3…` with the manager `$1`; `$2` is `sudo ` or nothing.
install_command() {
    local manager=$1 sudo=$2
    shift 2
    case "$manager" in
        apt) echo "${sudo}apt-get update; ${sudo}env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $*" ;;
        dnf) echo "${sudo}dnf install -y --setopt=strict=0 $*" ;;
        pacman) echo "${sudo}pacman -S --needed --noconfirm $*" ;;
        brew) echo "brew install $*" ;;
    esac
}

# Whether sudo will do it: it asks for a password only where somebody can type one.
may_sudo() {
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || [ -t 0 ]
}

install_system_packages() {
    local manager sudo="" packages="" group command
    manager=$(package_manager)
    [ -n "$manager" ] || die "no apt, dnf, pacman or brew here: install a C compiler, pkg-config, Python 3 with pip and GStreamer $GSTREAMER_FLOOR (base, good, bad, ugly, libav, with headers) by hand"
    for group in "$@"; do
        packages="$packages $(packages_of "$group" "$manager")"
    done
    if [ "$(id -u)" != 0 ]; then sudo="sudo "; fi
    # shellcheck disable=SC2086 # a list of words
    command=$(install_command "$manager" "$sudo" $packages)
    if [ -n "${STYLIZE_NO_INSTALL:-}" ]; then
        die "system packages are missing and STYLIZE_NO_INSTALL is set; run: $command"
    fi
    if [ "$manager" != brew ] && [ -n "$sudo" ] && ! may_sudo; then
        die "system packages are missing and this user may not install them; run as one who may: $command"
    fi
    say "installing$packages"
    run_logged "system packages could not be installed; run: $command" bash -c "$command"
}

# Videos are made without it: where it cannot be installed, that is said.
try_pipewire() {
    has_pipewire && return
    (install_system_packages pipewire) ||
        say "without PipeWire, cameras are filmed through V4L2 alone, and tests of cameras are skipped"
}

check_rust() {
    local found
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        die "Rust is missing: install $RUST_FLOOR or newer with rustup (https://rustup.rs), then run make again"
    fi
    found=$(rustc --version | awk '{ print $2 }') ||
        die "rustc does not run: repair it with rustup (rustup default stable), then run make again"
    at_least "$found" "$RUST_FLOOR" ||
        die "Rust $found is too old, $RUST_FLOOR is needed: run rustup update stable (or install rustup, https://rustup.rs)"
}

main() {
    local groups="" missing runtime=0
    check_rust
    has_toolchain || groups="$groups toolchain"
    [ -z "$(missing_of_gstreamer)" ] || groups="$groups gstreamer"
    has_vulkan || groups="$groups vulkan"
    # Only tests need it: nobody has to install it to build the programs.
    [ -z "${CI:-}" ] || has_display || groups="$groups display"
    scripts/runtime.sh --present || runtime=$?
    case $runtime in
        0) ;;
        "$ABSENT") has_pip || groups="$groups python" ;;
        *) exit 1 ;; # it has said why
    esac
    if [ -n "$groups" ]; then
        # shellcheck disable=SC2086 # a list of words
        install_system_packages $groups
        has_toolchain || die "no C compiler or pkg-config after the installation: install them by hand (macOS: xcode-select --install)"
        missing=$(missing_of_gstreamer | tr '\n' ' ')
        [ -z "$missing" ] || die "GStreamer still lacks $missing: $(gstreamer_advice)"
    fi
    try_pipewire
    scripts/runtime.sh
}

gstreamer_advice() {
    case "$(package_manager)" in
        apt) echo "Debian 12 and Ubuntu 24.04 are the oldest that have it (on Ubuntu, switch the universe repository on)" ;;
        dnf) echo "switch RPM Fusion (free) on, which has the H.264 and H.265 plugins, and run make setup again" ;;
        *) echo "update the system's GStreamer plugins and run make setup again" ;;
    esac
}

main
