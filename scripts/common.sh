# What the scripts share; sourced, not run.
# shellcheck shell=bash

# What `runtime.sh --present` exits with when the library would have to be fetched.
# shellcheck disable=SC2034 # used by those who source this
readonly ABSENT=3

# The programs that are installed.
# shellcheck disable=SC2034 # used by those who source this
readonly PROGRAMS="stylize stylize-video stylize-webcam"

# Where cargo puts them.
# shellcheck disable=SC2034 # used by those who source this
readonly BUILT="${CARGO_TARGET_DIR:-target}/release"

say() {
    echo "stylize: $*"
}

die() {
    echo "stylize: $*" >&2
    exit 1
}

# at_least FOUND FLOOR: compares major.minor.
at_least() {
    local found=$1 floor=$2 found_minor floor_minor
    found_minor=${found#*.} floor_minor=${floor#*.}
    [ "${found%%.*}" -gt "${floor%%.*}" ] ||
        { [ "${found%%.*}" -eq "${floor%%.*}" ] && [ "${found_minor%%[!0-9]*}" -ge "${floor_minor%%[!0-9]*}" ]; }
}

# run_logged MESSAGE COMMAND…: runs it quietly; if it fails, shows what it wrote and ends with MESSAGE.
run_logged() {
    local message=$1 log
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/stylize.XXXXXX")
    if ! "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "$message"
    fi
    rm -f "$log"
}
