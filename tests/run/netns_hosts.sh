#!/bin/bash
# netns_hosts.sh N COMMAND…: runs COMMAND beside N simulated hosts mpi1..mpiN and ends with its code.
#
# Each host has its own network, host name and /dev/shm; files are shared, as on a cluster. COMMAND finds
# mpirun set up to start ranks there: mpirun --host mpi1:2,mpi2:2 …
# All of it lives in namespaces of its own: runs side by side don't see each other, and the kernel
# takes everything away when this script ends, however it ends.
# Exit code 77, with the reason, where the machine doesn't allow it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

skip() {
  echo "netns_hosts.sh: skipped: $1" >&2
  exit 77
}

# Outside: go into the namespaces and come back as their first process.
if [[ ${SIMMER_HOSTS_INSIDE:-} != "$PPID" ]]; then
  [[ $# -ge 2 ]] || { echo "usage: netns_hosts.sh N COMMAND…" >&2; exit 2; }
  for tool in ip unshare nsenter mount hostname; do
    command -v "$tool" >/dev/null || skip "the command '$tool' is missing"
  done
  spaces=(--net --uts --ipc --mount --propagation private --pid --fork --kill-child --mount-proc)
  [[ $(id -u) == 0 ]] || spaces=(--user --map-root-user "${spaces[@]}")
  reason=$(unshare "${spaces[@]}" true 2>&1) || skip "no namespaces on this machine ($reason)"
  # The first process inside sees 0 as its parent.
  export SIMMER_HOSTS_INSIDE=0
  exec unshare "${spaces[@]}" "$here/netns_hosts.sh" "$@"
fi

n=$1
shift
unset SIMMER_HOSTS_INSIDE
net=10.78.0
folder=$(mktemp -d "${TMPDIR:-/tmp}/simmer-hosts.XXXXXX")
trap 'umount -l "$folder" 2>/dev/null; rmdir "$folder" 2>/dev/null' EXIT
trap 'exit 143' TERM INT HUP
# In memory: a killed run leaves an empty folder and no files.
mount -t tmpfs hosts "$folder" || skip "cannot mount a tmpfs"

# This side is the login node.
{
  echo "127.0.0.1 localhost"
  echo "$net.1 login"
  for ((i = 1; i <= n; i++)); do echo "$net.$((10 + i)) mpi$i"; done
} >"$folder/hosts"
hostname login
mount --bind "$folder/hosts" /etc/hosts || skip "cannot replace /etc/hosts"
mount -t tmpfs -o mode=1777 shm /dev/shm || skip "cannot mount a /dev/shm"
ip link set lo up
reason=$(ip link add br0 type bridge 2>&1) || skip "no network bridge ($reason)"
ip addr add "$net.1/24" dev br0
ip link set br0 up

for ((i = 1; i <= n; i++)); do
  mkfifo "$folder/up.mpi$i"
  unshare --net --uts --mount --propagation private bash -ec '
    hostname "$1"
    mount -t tmpfs -o mode=1777 shm /dev/shm
    ip link set lo up
    echo up >"$2/up.$1"
    exec sleep infinity' host "mpi$i" "$folder" </dev/null >"$folder/log.mpi$i" 2>&1 &
  pid=$!
  echo "$pid" >"$folder/pid.mpi$i"
  read -r -t 20 _ <>"$folder/up.mpi$i" || skip "host mpi$i didn't start: $(cat "$folder/log.mpi$i")"
  reason=$(ip link add "v$i" type veth peer name eth0 netns "$pid" 2>&1) || skip "no virtual cable ($reason)"
  ip link set "v$i" master br0 up
  nsenter -t "$pid" --net ip addr add "$net.$((10 + i))/24" dev eth0
  nsenter -t "$pid" --net ip link set eth0 up
done

export SIMMER_HOSTS_FOLDER=$folder TMPDIR=$folder
export OMPI_MCA_plm_rsh_agent=$here/netns_rsh.sh
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
code=0
"$@" || code=$?
exit "$code"
