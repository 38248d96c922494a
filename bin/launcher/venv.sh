# Sourced by bin/start, bin/test and bin/soak: a virtual environment with what a lock file names.
#
#     prepare_venv requirements.lock [OPTIONS OF PIP]
#
# It is made once, with the first Python on PATH that is new enough; what preferred_python names comes before it. A stamp
# per lock file says what was installed by which Python, so that the next start is quick and a changed lock file, or
# another Python, is noticed. Needs a POSIX shell, an xargs that knows -P, and the repository as working directory.

fail() {
    echo "Error: $*" >&2
    exit 2
}

preferred_python=""

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

has_venv() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

find_python() {
    for python in $preferred_python python3 python3.14 python3.13 python3.12 python3.11; do
        ! is_new_enough "$python" || return 0
    done
    if command -v python3 >/dev/null; then
        fail "PostMaster needs Python 3.11 or later, and this is $(python3 --version 2>&1). Install a later one beside it."
    fi
    fail "PostMaster needs Python 3.11 or later, and there is no python3 on PATH. On Debian and Ubuntu:" \
        "sudo apt-get install python3 python3-venv"
}

make_venv() {
    find_python
    if ! has_venv "$python"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        fail "Python $version is here, but not its venv module. On Debian and Ubuntu: sudo apt-get install python$version-venv"
    fi
    echo "Making a virtual environment in .venv …" >&2
    "$python" -m venv --clear .venv || fail "The virtual environment could not be made in $(pwd)/.venv."
    # Debian 12's pip takes half as long again for what follows. Where there is no other, it does.
    install_locked requirements-pip.lock --no-compile >/dev/null 2>&1 || true
}

# pip takes one package after the other, so two of them do half each. xargs fails if one does.
install_locked() {
    names=$1
    shift
    rm -rf .venv/halves && mkdir .venv/halves || return
    awk '/^[a-z]/ { half = !half } { print >(".venv/halves/" half + 0) }' "$names" || return
    printf '%s\n' .venv/halves/? | xargs -P 2 -n 1 .venv/bin/python -m pip install --quiet \
        --disable-pip-version-check --require-hashes --no-deps "$@" --requirement || return
    rm -r .venv/halves
}

# What the stamp must say. It fails where .venv is missing, half made, or its Python has gone or is too old.
wanted_stamp() {
    .venv/bin/python - "$1" 2>/dev/null <<'PYTHON'
import hashlib, pathlib, sys

import pip

assert sys.version_info >= (3, 11)
print(sys.version.split()[0], hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest())
PYTHON
}

prepare_venv() {
    lock=$1
    shift
    stamp=.venv/installed-$lock
    if ! wanted=$(wanted_stamp "$lock"); then
        make_venv
        wanted=$(wanted_stamp "$lock") || fail "The Python in $(pwd)/.venv does not run. Delete that folder and start again."
    fi
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    echo "Installing what $lock names; this is done once …" >&2
    install_locked "$lock" "$@" ||
        fail "Not everything could be installed; pip said why above. Check the network, then start again;" \
            "if that does not help, delete .venv first."
    echo "$wanted" >"$stamp"
}

# A Redis for a machine that has none. All but the worker runs without, so nothing ends where it cannot be installed.
prepare_redis() {
    (prepare_venv requirements-redis.lock) || true
}
