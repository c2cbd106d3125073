#!/bin/sh
# Makes the virtual environment $1 with a Python that serves.
set -eu
python=$("$(dirname "$0")/find_python.sh" --explain)
echo "Making $1 with $python"
"$python" -m venv --clear "$1"
