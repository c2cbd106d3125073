#!/bin/sh
# Runs every fuzz target of build directory $1 for $2 seconds. What is new to a target is kept in
# $1/corpus/<name>; an input that harms is written to $1 and named.
#
#   tools/run_fuzz.sh build/fuzz 60
#
# To keep what was found:
#   build/fuzz/tests/fuzz/shard_fuzz -merge=1 tests/fuzz/corpus/shard build/fuzz/corpus/shard
set -eu
status=0
for program in "$1"/tests/fuzz/*_fuzz; do
  name=$(basename "$program" _fuzz)
  mkdir -p "$1/corpus/$name"
  words="tests/fuzz/$name.dict"
  [ -f "$words" ] && words="-dict=$words" || words=''
  echo "$name: $2 s"
  # shellcheck disable=SC2086 # no word or one
  "$program" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 $words \
    -artifact_prefix="$1/$name-" "$1/corpus/$name" "tests/fuzz/corpus/$name" \
    >"$1/$name.log" 2>&1 || status=$?
  grep -E '^(SUMMARY|artifact|stat::number_of_executed_units|stat::peak_rss_mb)' "$1/$name.log" ||
    tail -5 "$1/$name.log"
done
exit "$status"
