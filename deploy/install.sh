#!/bin/sh
# Makes .venv and installs a lock of hashed packages into it: deploy/install.sh requirements.lock
# A second call does nothing until the lock, the place of the project or its Python changes.
set -eu
cd -P "$(dirname "$0")/.."
lock=$1

fail() {
    echo "error: $*" >&2
    exit 1
}

find_python() {
    for python in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$python"
            return
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>/dev/null || echo "not there")
    fail "Python 3.11 or newer is needed, and ${PYTHON:-python3} is $found." \
        "Install one, or name it: make run PYTHON=/path/to/python3.11"
}

make_venv() {
    echo "Making .venv with $1"
    rm -rf .venv
    # Debian's Python comes without ensurepip; its error is long, ours is one sentence.
    "$1" -m venv .venv >/dev/null 2>&1 && return
    rm -rf .venv
    "$1" -m virtualenv -q .venv 2>/dev/null && return
    command -v virtualenv >/dev/null && virtualenv -q -p "$1" .venv && return
    command -v uv >/dev/null && uv venv -q --seed -p "$1" .venv && return
    rm -rf .venv
    touch .venv.probe 2>/dev/null || fail "$PWD cannot be written."
    rm -f .venv.probe
    fail "$1 cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv"
}

can_compile() {
    headers=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
    echo '#include <Python.h>' | "${CC:-cc}" -I"$headers" -fsyntax-only -xc - 2>/dev/null
}

# gunicorn_h1c alone has no wheels. Where nothing can be compiled gunicorn does without it, slower.
installable() {
    can_compile && cat "$1" && return
    echo "There is no C compiler (or no Python headers): leaving out gunicorn_h1c." >&2
    awk '/^[^ #]/ { left_out = /^gunicorn-h1c==/ } !left_out' "$1"
}

# uv is about ten times faster than pip, but not needed: pip checks the same hashes.
install_packages() {
    pip=".venv/bin/python -m pip --disable-pip-version-check"
    # uv does not read pip's configuration; the index and the certificates are worth handing over.
    index=${PIP_INDEX_URL:-$($pip config get global.index-url 2>/dev/null || true)}
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    [ -z "${PIP_CERT:-}" ] || export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"
    packages=.venv/packages.lock
    installable "$lock" >"$packages"
    if $pip install -q --require-hashes --only-binary :all: -r deploy/bootstrap.lock 2>/dev/null &&
        .venv/bin/uv pip install --python .venv --require-hashes --compile-bytecode -r "$packages"; then
        return
    fi
    echo "uv could not install them; trying pip, which takes some minutes."
    $pip install --progress-bar off -q --require-hashes -r "$packages" ||
        fail "The packages of $lock could not be installed: see above. Is the network there?" \
            "If a package has no wheel for this system, it needs a C compiler and Python's headers" \
            "(Debian, Ubuntu: apt install build-essential python3-dev)."
}

# Its scripts name the place they were made for: a .venv that was moved or copied is made again.
is_usable() {
    .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null &&
        head -n 2 .venv/bin/pip 2>/dev/null | grep -qF "$PWD/.venv/bin/python"
}

state() { echo "$(.venv/bin/python --version) $(cksum <"$lock")"; }
stamp=.venv/.installed-$lock

if ! is_usable; then
    python=$(find_python)
    make_venv "$python"
fi
[ "$(cat "$stamp" 2>/dev/null)" != "$(state)" ] || exit 0
echo "Installing the packages of $lock"
install_packages
state >"$stamp"
