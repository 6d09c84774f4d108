#!/bin/bash
# two_hosts.sh PROGRAM…: each test program on 2 simulated hosts with 2 ranks each. Needs SIMMER_MPIEXEC. Exit
# code 77 where the machine has no namespaces.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ -z ${SIMMER_HOSTS_FOLDER:-} ]]; then
  exec "$here/netns_hosts.sh" 2 "$here/two_hosts.sh" "$@"
fi
export SIMMER_TEST_HOSTS=2 CMOCKA_TEST_ABORT=1
for program in "$@"; do
  echo "== $(basename "$program") on mpi1:2,mpi2:2"
  "${SIMMER_MPIEXEC:-mpirun}" -q -n 4 --host mpi1:2,mpi2:2 "$program"
done
