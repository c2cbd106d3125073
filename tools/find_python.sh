#!/bin/sh
# Prints the path of a Python that can hold the virtual environment: 3.10 or newer, with the venv
# module and the headers that an extension module needs. With --explain, says on failure what was
# found instead. PYTHON=path names one; otherwise python3 of the PATH is asked first (it may be
# pyenv's), then Debian's, then the newest by name.
set -eu

probe='
import os, sys, sysconfig
version = ".".join(map(str, sys.version_info[:3]))
lacks = []
if sys.version_info < (3, 10):
    lacks.append("it is older than 3.10")
try:
    import ensurepip, venv
except ImportError:
    lacks.append("it has no venv module")
if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    lacks.append("it has no headers")
path = os.path.realpath(sys.executable)
if lacks:
    sys.stderr.write("  %s is Python %s: %s\n" % (path, version, ", ".join(lacks)))
    sys.exit(1)
print(path)
'

candidates=${PYTHON:-python3 /usr/bin/python3 python3.13 python3.12 python3.11 python3.10}
found=''
for candidate in $candidates; do
  command -v "$candidate" >/dev/null 2>&1 || continue
  if said=$("$candidate" -c "$probe" 2>&1); then
    echo "$said"
    exit 0
  fi
  case "$found" in *"$said"*) ;; *) found="$found$said
" ;; esac
done

if [ "${1:-}" = --explain ]; then
  echo "headrace needs Python 3.10 or newer with its venv module and headers, and found:" >&2
  printf '%s' "${found:-  no python3 at all
}" >&2
  echo "Install such a Python and name it: make PYTHON=/path/to/python3 ..." >&2
fi
exit 1
