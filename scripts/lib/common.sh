# What the scripts share: words for people, and what a fresh machine may lack.
# To be sourced by bash, with the working directory at the top of the project.

# Where a Debian keeps what only root needs as a rule (setcap, mount): not on everybody's path.
PATH=$PATH:/usr/sbin:/sbin

heading() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# Whether somebody wants to know what a script does, and not have it done.
asks_for_help() {
    local word
    for word; do
        case $word in
            -h | --help) return 0 ;;
        esac
    done
    return 1
}

# Answers that with what stands at the top of the script, before anything is built or installed.
answer_help() {
    asks_for_help "$@" || return 0
    sed -n '2,/^[^#]/ { /^[^#]/d; s/^# \{0,1\}//; p; }' "scripts/${0##*/}"
    exit 0
}

# The Debian package that brings a program.
package_of() {
    case $1 in
        cc) echo gcc libc6-dev ;;
        c++) echo g++ ;;
        ip | ss) echo iproute2 ;;
        nc) echo netcat-openbsd ;;
        h2load) echo nghttp2-client ;;
        ping) echo iputils-ping ;;
        script) echo bsdutils ;;
        ps) echo procps ;;
        setcap) echo libcap2-bin ;;
        mount) echo mount ;;
        unshare | nsenter | setpriv | setsid | taskset) echo util-linux ;;
        *) echo "$1" ;;
    esac
}

# Some other nc would be no help: the tests ask for -N.
is_there() {
    command -v "$1" >/dev/null || return
    [ "$1" != nc ] || [[ $(nc -h 2>&1) == *OpenBSD* ]]
}

missing_of() {
    local program
    for program in "$@"; do
        is_there "$program" || printf '%s ' "$program"
    done
}

# need_programs PROGRAM...: installs what is missing, when that is possible; else says how.
need_programs() {
    local missing packages program
    missing=$(missing_of "$@")
    [ -n "$missing" ] || return 0
    packages=$(for program in $missing; do package_of "$program"; done | tr ' ' '\n' | sort -u | xargs)
    echo "missing: $missing"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing: $packages"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086 # a list of words
        { apt-get -qq update && apt-get -qq install --no-install-recommends $packages; } \
            </dev/null >/dev/null || echo "apt-get has failed"
        missing=$(missing_of "$@")
    fi
    [ -z "$missing" ] || fail "missing: $missing
    sudo apt-get update && sudo apt-get install $packages"
}

# need_cargo COMPONENT...: cargo as new as Cargo.toml asks for, with the components.
need_cargo() {
    local wanted found component
    local rustup="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    command -v cargo >/dev/null || fail "missing: cargo $wanted or later
    $rustup"
    found=$(cargo --version | cut -d' ' -f2)
    printf '%s\n' "$wanted" "$found" | sort -CV || fail "cargo is $found, and $wanted is needed
    rustup update stable    (or, without rustup: $rustup)"
    for component in "$@"; do
        cargo "$component" --version >/dev/null 2>&1 || fail "missing: cargo $component
    rustup component add ${component/fmt/rustfmt}"
    done
}

# The certificates that a system trusts: curl asks for them, and so does our own client.
need_certificates() {
    local bundle=/etc/ssl/certs/ca-certificates.crt
    [ -e "$bundle" ] && return
    echo "missing: $bundle"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing: ca-certificates"
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install ca-certificates; } \
            </dev/null >/dev/null || echo "apt-get has failed"
    fi
    [ -e "$bundle" ] || fail "missing: $bundle
    sudo apt-get update && sudo apt-get install ca-certificates"
}

# A TUN driver that we may open, and namespaces that we may make. OPTIONS as of unshare.
need_namespaces() {
    [ -c /dev/net/tun ] || fail "there is no /dev/net/tun
    on a host: sudo modprobe tun; in a container: docker run --device /dev/net/tun ..."
    unshare "$@" true 2>/dev/null || fail "no namespaces: unshare $* has failed
    as an ordinary user: sudo sysctl -w user.max_user_namespaces=15000 (or run this as root)
    in a container: docker run --privileged ..."
}
