# Sourced by bin/test: the servers and the browser that the tests start, from the packages of Debian or Ubuntu. Needs fail() of venv.sh.

# A package, and files of which one tells that it is there.
PACKAGES="
dovecot-imapd /usr/lib*/dovecot/imap
dovecot-pop3d /usr/lib*/dovecot/pop3
redis-server /usr/bin/redis-server /usr/bin/valkey-server /usr/local/bin/redis-server
postgresql /usr/lib/postgresql/*/bin/initdb /usr/bin/initdb
chromium-headless-shell /usr/bin/chromium-headless-shell /usr/bin/chromium-browser /usr/bin/chromium
"

missing_packages() {
    echo "$PACKAGES" | while read -r package files; do
        found=$package
        for file in $files; do
            [ ! -e "$file" ] || found=""
        done
        [ -z "$found" ] || echo "$package"
    done
}

install_packages() {
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    sentence="The tests start real servers and a browser, and these packages are missing: ${missing% }."
    command -v apt-get >/dev/null ||
        fail "$sentence The names are Debian's. Install them, then start again."
    as_root=""
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        command -v sudo >/dev/null || fail "$sentence As root, run: apt-get install $missing"
    fi
    echo "Installing $missing…" >&2
    # shellcheck disable=SC2086 - one word a package
    apt_install $missing || { apt_get update && apt_install $missing; } ||
        fail "$sentence They could not be installed; apt-get said why above."
}

# The tests start servers of their own, so those of the packages need not run: their ports may be taken, and in a
# container nothing could start them. policy-rc.d is Debian's way to say so.
apt_install() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap '$as_root rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
    fi
    apt_get install --yes --no-install-recommends "$@"
)

apt_get() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet -o DPkg::Lock::Timeout=300 "$@"
}
