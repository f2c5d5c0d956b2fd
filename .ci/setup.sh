#!/bin/sh
# Creates the virtual environment: setup.sh PYTHON VENV. Called by make; says one line when something is missing.
set -eu
python=$1
venv=$2

say() { printf '%s\n' "$*" >&2; }

command -v "$python" >/dev/null 2>&1 || {
    say "setup: '$python' not found: install Python 3.11 or newer, or run 'make PYTHON=/path/to/python3 ...'"
    exit 1
}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "setup: $("$python" --version) is too old: Python 3.11 or newer is needed ('make PYTHON=python3.12 ...')"
    exit 1
}
if ! "$python" -c 'import ensurepip' >/dev/null 2>&1; then
    # Debian and Ubuntu split venv's pip off into a package of its own.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "setup: installing python3-venv, which this Python lacks ..."
        log=$(mktemp)
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
            python3-venv ca-certificates; } >"$log" 2>&1 || {
            tail -n 3 "$log" >&2
            say "setup: could not install python3-venv: install it by hand and try again"
            exit 1
        }
        rm -f "$log"
    else
        say "setup: this Python has no ensurepip: run 'sudo apt-get install python3-venv' and try again"
        exit 1
    fi
fi
say "setup: creating $venv ..."
"$python" -m venv --clear "$venv" || {
    say "setup: cannot create $venv here: is the folder writable and the disk not full?"
    exit 1
}
say "setup: installing the pinned dependencies (about 65 wheels, once) ..."
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/requirements.lock || {
    say "setup: pip could not install .ci/requirements.lock: is the package index reachable?"
    exit 1
}
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
say "setup: done"
