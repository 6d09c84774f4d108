#!/bin/bash
# A chain of jobs, each starting when the one before has ended well: train, estimate partition functions, report.
#   slurm/chain.sh jobs/rbm-digits.yaml jobs/partition-digits.yaml [...]
# Then a report of all their output folders is made, if .venv (made by ./quickstart) is there.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,4p' "$0" | cut -c3-; exit 2; }
simmer=${SIMMER:-build/bin/simmer}
python=${PYTHON:-.venv/bin/python}
previous=""
folders=()
for job in "$@"; do
  out=out/$(basename "$job" .yaml)
  id=$("$simmer" submit "$job" -o "$out" ${previous:+-- --dependency=afterok:$previous})
  echo "$job: job $id${previous:+ after $previous}, output in $out"
  previous=$id
  folders+=("$out")
done
if [ -x "$python" ]; then
  id=$(sbatch --parsable --job-name=simmer-report --ntasks=1 --time=00:30:00 --dependency=afterok:"$previous" --output=out/report-%j.log \
    --wrap "$(printf '%q ' "$python" -m analysis report "${folders[@]}" -o out/report.html)")
  echo "report: job $id after $previous, in out/report.html"
else
  echo "no $python, so no report; ./quickstart run makes it" >&2
fi
