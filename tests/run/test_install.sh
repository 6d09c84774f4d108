#!/usr/bin/env bash
# cmake --install, then a ten-line program outside the tree that finds the package, links libsimmer and runs.
set -euo pipefail
build=${SIMMER_BUILD:-build}
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
cmake --install "$build" --prefix "$where/prefix" >/dev/null
mkdir "$where/outside"
cat > "$where/outside/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(outside C)
find_package(simmer REQUIRED)
add_executable(outside outside.c)
target_link_libraries(outside simmer::simmer)
CMAKE
cat > "$where/outside/outside.c" <<'C'
#include <simmer/regress/theory.h>
#include <simmer/linalg/grid.h>
#include <stdio.h>
int main(void) {
  const char *warning = NULL;
  smr_linalg_start(&warning);
  printf("%.6f\n", smr_theory_ridgeless(100, 50, 1, 1));
  return 0;
}
C
cmake -S "$where/outside" -B "$where/made" -DCMAKE_PREFIX_PATH="$where/prefix" >"$where/log" 2>&1 || { cat "$where/log"; exit 1; }
cmake --build "$where/made" >"$where/log" 2>&1 || { cat "$where/log"; exit 1; }
said=$("$where/made/outside")
# 50 / (100 - 50 - 1)
[ "$said" = 1.020408 ] || { echo "outside program said '$said'"; exit 1; }
"$where/prefix/bin/simmer" version | grep -q '^simmer ' || { echo "installed program does not run"; exit 1; }
echo "installed package works"
