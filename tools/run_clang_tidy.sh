#!/bin/sh
# clang-tidy over all of src/, with the compile commands of build directory $1, $2 at a time.
set -eu
clang_tidy=$(command -v clang-tidy-16 || command -v clang-tidy) || {
  echo "clang-tidy is not installed" >&2
  exit 1
}
files=$(find src -name '*.cc' | sort)
echo "clang-tidy over $(echo "$files" | wc -l) files"
# g++'s warning flags that clang does not know are no finding; the count of suppressed warnings
# that clang-tidy writes to stderr is no news, but whatever else it writes there is.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
said=$work/said
# clang cannot read the headers that g++ has precompiled.
sed -E 's/ -Winvalid-pch//; s/ -include [^ ]*cmake_pch\.hxx//' "$1/compile_commands.json" \
  >"$work/compile_commands.json"
status=0
echo "$files" | xargs -n 1 -P "$2" "$clang_tidy" --quiet -p "$work" \
  --extra-arg=-Wno-unknown-warning-option 2>"$said" || status=$?
grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated\.$' "$said" >&2 || true
exit "$status"
