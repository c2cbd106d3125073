#!/bin/sh
# Installs the Debian packages of the named groups that this machine lacks.
#
#   tools/debian_packages.sh GROUP...      groups: build test bench fuzz
#
# As root or through sudo. Without either, one sentence names the packages and the command.
set -eu

# a|b means the first of the two that this Debian has.
packages=''
for group in "$@"; do
  case "$group" in
    build)
      packages="$packages g++ cmake ninja-build libdlpack-dev libxxhash-dev"
      packages="$packages libflatbuffers-dev flatbuffers-compiler nlohmann-json3-dev libzstd-dev"
      ;;
    test) packages="$packages libgtest-dev clang-tidy-16|clang-tidy strace" ;;
    bench) packages="$packages libbenchmark-dev fio curl nginx" ;;
    fuzz) packages="$packages clang-16 libclang-rt-16-dev" ;;
    *) echo "debian_packages.sh: no group is called $group" >&2; exit 2 ;;
  esac
done
here=$(dirname "$0")
# A machine whose own Python serves (pyenv's, say) needs none of Debian's.
if [ -z "${PYTHON:-}" ] && ! "$here/find_python.sh" >/dev/null; then
  packages="$packages python3 python3-dev python3-venv"
fi

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
  echo "headrace: this is not a Debian system; going on in the hope that it has:$packages" >&2
  exit 0
fi

installed() {
  case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    installed) return 0 ;;
    *) return 1 ;;
  esac
}

# The names in $1 (a or a|b): nothing where one is installed, else the first that apt knows.
missing_of() {
  for name in $(echo "$1" | tr '|' ' '); do
    if installed "$name"; then return 0; fi
  done
  for name in $(echo "$1" | tr '|' ' '); do
    if apt-cache show "$name" >/dev/null 2>&1; then
      echo "$name"
      return 0
    fi
  done
  echo "${1%%|*}"
}

list_missing() {
  missing=''
  for entry in $packages; do
    name=$(missing_of "$entry")
    missing="$missing${name:+ $name}"
  done
}

list_missing
[ -n "$missing" ] || exit 0

as_root=''
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    as_root='sudo'
  else
    echo "headrace: Debian packages are missing and installing them needs root: as root, run" \
      "\"apt-get update && apt-get install -y --no-install-recommends$missing\"," \
      "then the same make again." >&2
    exit 1
  fi
fi

echo "Installing Debian packages:$missing"
# A third party's list that fails to load is no reason to stop: what counts is the install.
$as_root apt-get update -qq || true
list_missing # apt knows more names now
# shellcheck disable=SC2086 # the names are words
$as_root env DEBIAN_FRONTEND=noninteractive \
  apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends $missing >/dev/null
