#!/bin/bash
# A chain of jobs, each starting when the one before has ended well: train, estimate partition functions, report.
#   slurm/chain.sh jobs/rbm-digits.yaml jobs/partition-digits.yaml [...]
# All are submitted at once; what one makes may be the next one's input. A report of all their output folders goes to
# out/report.html, if .venv (made by ./quickstart) is there. It may be called from any folder: out/ is made in that one.
# When a job fails, those after it are cancelled; call this again, and what is finished isn't done again.
set -euo pipefail
usage() { sed -n '2,6p' "${BASH_SOURCE[0]}" | cut -c3-; }
[ $# -ge 1 ] || { usage >&2; exit 2; }
for word in "$@"; do
  case $word in
  -h | --help) usage; exit ;;
  -*) echo "chain: '$word' is no job file; options aren't taken" >&2; exit 2 ;;
  esac
done
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
simmer=${SIMMER:-$root/build/bin/simmer}
python=${PYTHON:-$root/.venv/bin/python}
queued=()
messages=$(mktemp)
trap 'rm -f "$messages"' EXIT

give_up() {
  echo "chain: $1 can't be submitted; its error is above" >&2
  if [ ${#queued[@]} -gt 0 ]; then
    echo "chain: submitted already: ${queued[*]}; 'scancel ${queued[*]}' takes them back" >&2
  fi
  exit 1
}

# For a job that waits for the last one; without the second it would stay in the queue when that one fails.
set_wait() { wait=("--dependency=afterok:${queued[-1]}" --kill-on-invalid-dep=yes); }

# All jobs are checked before the first is submitted. Where their output goes stands in their batch scripts.
folders=()
later=()
for job in "$@"; do
  script=$("$simmer" submit "$job" --dry-run "${later[@]}" 2>"$messages") || { cat "$messages" >&2; give_up "$job"; }
  folder=$(sed -n "s/^out='\(.*\)'\$/\1/p" <<<"$script")
  folders+=("${folder//"'\\''"/"'"}")
  later=(--later)
done

for job in "$@"; do
  n=${#queued[@]}
  if [ "$n" = 0 ]; then
    id=$("$simmer" submit "$job") || give_up "$job"
  else
    set_wait
    id=$("$simmer" submit "$job" --later -- "${wait[@]}") || give_up "$job"
  fi
  echo "$job: job $id${queued:+ after ${queued[-1]}}, output in ${folders[n]}"
  queued+=("$id")
done

if [ ! -f "$python" ] || [ ! -x "$python" ]; then
  echo "chain: no $python, so no report; ./quickstart makes it" >&2
  exit
fi
set_wait
# The report's job gets partition, account and modules as the last one got them.
id=$({
  echo "#!/bin/bash"
  grep -E '^#SBATCH --(partition|account)=' <<<"$script" || true
  grep '^modules=' <<<"$script"
  # shellcheck disable=SC2016
  echo '[ -z "$modules" ] || module load $modules || exit 1'
  echo "export PYTHONPATH=$(printf %q "$root")"
  echo "exec $(printf '%q ' "$python" -m analysis report "${folders[@]}" -o "$PWD/out/report.html")"
} | sbatch --parsable --job-name=simmer-report --ntasks=1 --mem-per-cpu=2G --time=00:30:00 "${wait[@]}" \
  --output=out/report-%j.log) || give_up "the report"
echo "report: job ${id%%;*} after ${queued[-1]}, in $PWD/out/report.html"
