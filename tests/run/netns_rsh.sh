#!/bin/bash
# netns_rsh.sh [OPTIONS] HOST COMMAND…: what ssh would be, into a host made by netns_hosts.sh.
while [[ ${1:-} == -* ]]; do shift; done
host=${1:?a host}
shift
pid=$(cat "${SIMMER_HOSTS_FOLDER:?is set by netns_hosts.sh}/pid.$host" 2>/dev/null)
[[ -n $pid ]] || { echo "netns_rsh.sh: there is no host $host" >&2; exit 255; }
exec nsenter -t "$pid" --net --uts --mount -- /bin/sh -c "$*"
