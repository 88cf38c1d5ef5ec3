# Shared by run, test and bench/run, which source it with the package's folder as the current one.
# shellcheck shell=bash

# The oldest toolchain that supports Package.swift's tools version and language features.
readonly swift_needed=6.2

# Packages that a build needs besides the toolchain: for fetching, compiling and linking, and the C libraries.
# shellcheck disable=SC2034  # Used by the scripts that source this.
readonly build_packages=(ca-certificates git g++ pkg-config libssl-dev libnghttp2-dev libpq-dev libsqlite3-dev)

# Packages that a toolchain from swift.org loads. Installed only if it does not start.
readonly toolchain_packages=(libcurl4-openssl-dev libncurses-dev libsqlite3-dev libxml2-dev zlib1g-dev tzdata)

# The options for the shipped program: one file that needs no Swift installation, without the run-time check of exclusive
# access, which costs a tenth of a request. The unit tests are built with that check.
# shellcheck disable=SC2034  # Used by the scripts that source this.
readonly release_build=(-c release --product gateway --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked)

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# as_root COMMAND...: runs the command as root, through sudo if necessary.
as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

is_installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

# need_packages NAME...: announces and installs the Debian or Ubuntu packages that are missing.
need_packages() {
    local missing=() name
    if ! command -v apt-get >/dev/null; then
        say "apt-get was not found, so nothing is installed. Install these packages (Debian names): $*"
        return
    fi
    for name; do is_installed "$name" || missing+=("$name"); done
    ((${#missing[@]})) || return 0
    if ((EUID == 0)); then
        say "Installing with apt-get: ${missing[*]}"
    elif command -v sudo >/dev/null; then
        say "Installing with sudo apt-get: ${missing[*]}"
    else
        fail "these packages are missing, and installing them needs root or sudo: ${missing[*]}"
    fi
    (
        # Keep installed services, such as nginx, from starting and taking a port: tests start their own servers.
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
    # Keep them from starting at the next boot too.
    for name in "${missing[@]}"; do
        case $name in
        nginx* | haproxy | postgresql)
            if command -v systemctl >/dev/null; then as_root systemctl --quiet disable "${name%%-*}" || true; fi
            ;;
        esac
    done
}

# need_swift: fails with instructions if there is no toolchain, or if it is too old.
need_swift() {
    local version wanted="Swift $swift_needed or newer"
    command -v swift >/dev/null ||
        fail "no Swift toolchain: there is no 'swift' in PATH. Get $wanted from https://www.swift.org/install/linux," \
            "open a new shell and run this again."
    swift build --version >/dev/null 2>&1 || need_packages "${toolchain_packages[@]}"
    version=$(swift --version 2>&1) || fail "'swift --version' does not work: $version"
    [[ $version =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]] || fail "'swift --version' reports no version: $version"
    ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= ${swift_needed%.*} * 1000 + ${swift_needed#*.})) ||
        fail "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old. Get $wanted from https://www.swift.org/install/linux."
}

# step NAME COMMAND...: prints the name, runs the command, and prints the time that it took.
step() {
    local name=$1 start=$SECONDS
    shift
    printf '\n==> %s\n' "$name"
    "$@"
    printf '    %s: %d s\n' "$name" "$((SECONDS - start))"
}
