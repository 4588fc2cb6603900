"""The fixed text of a runbook: how it is used, and the functions that its checks call."""

from __future__ import annotations

PREAMBLE = """\
Type the blocks in this order, in one bash. A block under *Do* changes the cluster; a block under *Wait until* only
looks, and ends with `ok` or `NOT REACHED`. After `NOT REACHED` type nothing more of the way forward: find out why, or
go back from that step with [Back](#back). Made for the cluster as it was; after any other change, plan again.

The checks ask for every node and every peer. Routes are counted by the nodes that they lead to: where a node owns no
address block, one is missing without harm.
"""
"""For whoever types it."""
FALLBACK_PREAMBLE = """\
In this runbook blocks under *Wait until* also fill fallback tables, or take them away.
"""
"""For whoever types one with fallback tables."""
HELPERS = """\
# await SECONDS CHECK...: until the check holds
await() {
  local seconds=$1 end=$((SECONDS + $1)); shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "NOT REACHED within $seconds s: $*"; return 1; }
    sleep 5
  done
}
# birds NODE SOCKET WORDS...: what BIRD on a node shows
birds() {
  local pod
  pod=$(kubectl get pods -A -l k8s-app=calico-node --field-selector "spec.nodeName=$1" \\
    -o jsonpath='{.items[0].metadata.namespace} {.items[0].metadata.name}')
  kubectl exec -n "${pod% *}" "${pod#* }" -c calico-node -- birdcl -s "/var/run/calico/$2.ctl" show "${@:3}"
}
# meshed NODE SOCKET COUNT: so many mesh sessions are established
meshed() { [ "$(birds "$1" "$2" protocols | grep '^Mesh_' | grep -c Established)" -ge "$3" ]; }
# joined NODE SOCKET COUNT: so many sessions of the mesh and of BGPPeers are established
joined() { [ "$(birds "$1" "$2" protocols | grep -E '^(Mesh|Node|Global)_' | grep -c Established)" -ge "$3" ]; }
# routed NODE SOCKET PEER COUNT: the routes of so many nodes came over the session with a peer
routed() {
  [ "$(birds "$1" "$2" route | grep -E "\\[(Node|Global)_$3 " | grep -oE 'via [^ ]+' | sort -u | wc -l)" -ge "$4" ]
}
# uplink NODE SOCKET PEER: the session with a speaker outside the cluster is up
uplink() {
  birds "$1" "$2" protocols | grep -E "^(Node|Global)_$3(_port_[0-9]+)? " | grep -q Established
}
# rolled NAMESPACE NAME PODS: the DaemonSet has taken its change up, nothing runs where it should not
rolled() {
  local told='{.metadata.generation}/{.status.observedGeneration}/{.status.numberMisscheduled}'
  told="$told/{.status.updatedNumberScheduled}/{.status.numberAvailable}"
  kubectl get daemonset -n "$1" "$2" -o jsonpath="$told" | {
    IFS=/ read -r generation observed astray updated available
    [ "${observed:-0}" -ge "$generation" ] && [ "${astray:-0}" -eq 0 ] &&
      [ "${updated:-0}" -ge "$3" ] && [ "${available:-0}" -ge "$3" ]
  }
}
"""
"""For bash; each function says before it what it looks at."""

FALLBACK_HELPER = """\
# fallback NODE fill|remove: the node has its routes in a table of its own too, or no such table any more
fallback() {
  local pod said
  pod=$(kubectl get pods -A -l k8s-app=calico-node --field-selector "spec.nodeName=$1" \\
    -o jsonpath='{.items[0].metadata.namespace} {.items[0].metadata.name}')
  said=$(kubectl exec -n "${pod% *}" "${pod#* }" -c calico-node -- sh -c "$FALLBACK" rrplan "$2")
  grep -q '^rrplan: done' <<<"$said" || return 1
  while read -r _ family what routes copied rules; do
    case $2,$what in
      *,obstacle) echo "$1: IPv$family: $routes $copied $rules"; return 1 ;;
      fill,is) [ "$rules" -eq 2 ] && [ "$copied" -ge "$routes" ] || return 1 ;;
      remove,is) [ "$rules" -eq 0 ] && [ "$copied" -eq 0 ] || return 1 ;;
    esac
  done <<<"$said"
}
"""
"""For bash, where a plan has fallback tables; `$FALLBACK` is `rrplan.fallback.SCRIPT`."""
