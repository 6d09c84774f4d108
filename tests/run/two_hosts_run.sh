#!/bin/bash
# A sweep on two simulated hosts gives the bits of one rank. Exit code 77 where the machine has no namespaces.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${SIMMER_BUILD:?}
if [[ -z ${SIMMER_HOSTS_FOLDER:-} ]]; then
  exec "$here/netns_hosts.sh" 2 "$here/two_hosts_run.sh"
fi
where=$(mktemp -d)
trap 'rm -rf "$where"' EXIT
for i in $(seq 60); do echo "$i,$((i * i % 17)),$((i * 7 % 13)),$((i % 2))"; done > "$where/data.csv"
cat > "$where/job.yaml" <<'YAML'
name: hosts
experiment: ridge
data: {source: csv, file: data.csv, features: [1, 2, 3]}
ridge: {lambda: [1e-3, 1]}
sweep: {data.instances: [5, 30], replicate: {count: 40}}
YAML
"$build/bin/simmer" run "$where/job.yaml" -q -o "$where/one" --data "$where"
"${SIMMER_MPIEXEC:-mpirun}" -q -n 4 --host mpi1:2,mpi2:2 "$build/bin/simmer" run "$where/job.yaml" -q -o "$where/two" --data "$where"
"$build/tests/compare" "$where/one/results.h5" "$where/two/results.h5"
grep -q 'mpi1 mpi2' "$where/two/log/runs.log"
# Two ranks of one unit on different hosts.
for n in 2 4; do
  "${SIMMER_MPIEXEC:-mpirun}" -q -n $n --map-by node --host mpi1:2,mpi2:2 "$build/bin/simmer" run "$where/job.yaml" -q \
    -s run.ranks_per_unit=2 -o "$where/shared$n" --data "$where"
done
"$build/tests/compare" "$where/shared2/results.h5" "$where/shared4/results.h5"
# A training whose minibatch is spread over both hosts.
cat > "$where/rbm.yaml" <<'YAML'
name: hosts
experiment: rbm
data: {source: digits, count: 600, test_count: 60}
rbm: {hidden: 10}
train: {batch: 64, epochs: 2}
monitor: {rows: 60, samples: 3, sample_sweeps: 2}
YAML
"$build/bin/simmer" run "$where/rbm.yaml" -q -o "$where/rbm1"
"${SIMMER_MPIEXEC:-mpirun}" -q -n 4 --host mpi1:2,mpi2:2 "$build/bin/simmer" run "$where/rbm.yaml" -q -o "$where/rbm4"
for file in metrics.h5 model.h5 results.h5; do
  "$build/tests/compare" "$where/rbm1/$file" "$where/rbm4/$file"
done
echo "two hosts give the same bits"
