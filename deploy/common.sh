# What run, test and bench/run share. They source it with the package's folder as the current one.
# shellcheck shell=bash

# The oldest toolchain that Package.swift's tools version and language features work with.
readonly swift_needed=6.2

# What a build needs besides the toolchain: fetching packages, compiling and linking, and the two C libraries.
# shellcheck disable=SC2034  # Used by those who source this.
readonly build_packages=(ca-certificates git g++ pkg-config libssl-dev libnghttp2-dev libsqlite3-dev)

# What a toolchain from swift.org itself loads; only asked for where it does not start.
readonly toolchain_packages=(libcurl4-openssl-dev libncurses-dev libsqlite3-dev libxml2-dev zlib1g-dev tzdata)

# How the program that is shipped is built: one file that needs no Swift installation, and without the run-time check of
# exclusive access, which costs a tenth of a request; the unit tests are built with it.
# shellcheck disable=SC2034  # Used by those who source this.
readonly release_build=(-c release --product gateway --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked)

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# as_root COMMAND...: runs it as root, through sudo where this is another user.
as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# need_packages NAME...: installs those of the Debian or Ubuntu packages that are missing, after saying so.
need_packages() {
    local missing=() name
    if ! command -v apt-get >/dev/null; then
        say "No apt-get here, so nothing is installed. Needed, by their Debian names: $*"
        return
    fi
    for name; do is_installed "$name" || missing+=("$name"); done
    ((${#missing[@]})) || return 0
    if ((EUID == 0)); then
        say "Installing with apt-get: ${missing[*]}"
    elif command -v sudo >/dev/null; then
        say "Installing with sudo apt-get: ${missing[*]}"
    else
        fail "these packages are missing, and installing them takes root or sudo: ${missing[*]}"
    fi
    (
        # Nothing that comes along, such as nginx, may start and take a port: what needs a server starts its own.
        policy=/usr/sbin/policy-rc.d
        if [[ ! -e $policy ]]; then
            trap 'as_root rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
            as_root chmod 755 "$policy"
        fi
        as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
            install --no-install-recommends "${missing[@]}" >/dev/null
    )
    # Nor at the next start of the machine.
    for name in "${missing[@]}"; do
        case $name in
        nginx* | haproxy)
            if command -v systemctl >/dev/null; then as_root systemctl --quiet disable "${name%%-*}" || true; fi
            ;;
        esac
    done
}

# need_swift: ends with a sentence that says what to do where there is no toolchain, or one that is too old.
need_swift() {
    local version wanted="Swift $swift_needed or newer"
    command -v swift >/dev/null ||
        fail "no Swift toolchain: there is no 'swift' in PATH. Get $wanted from https://www.swift.org/install/linux," \
            "open a new shell and run this again."
    swift build --version >/dev/null 2>&1 || need_packages "${toolchain_packages[@]}"
    version=$(swift --version 2>&1) || fail "'swift --version' does not work: $version"
    [[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || fail "'swift --version' says no version: $version"
    ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= ${swift_needed%.*} * 1000 + ${swift_needed#*.})) ||
        fail "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old. Get $wanted from https://www.swift.org/install/linux."
}

# step NAME COMMAND...: runs it between its name and the time that it took.
step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n==> %s\n' "$name"
    "$@"
    printf '    %s: %d s\n' "$name" "$((SECONDS - start))"
}
