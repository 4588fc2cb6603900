"""The fallback routing table of nodes: its number and rules, what it is like on a node, and the port to it.

It is a copy of the routes that BIRD has in the kernel's main table. Two rules let the kernel look into it where main
has no route of a block at the moment, before main's shorter routes: packets find their way while BIRD has no session.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from rrplan.errors import DatastoreRefused
from rrplan.ids import NodeName

TABLE = 20179
"""Felix manages tables 1 to 250 unless it is told others (FelixConfiguration `routeTableRanges`); main is 254."""
MAIN_PRIORITY, TABLE_PRIORITY = 32000, 32001
"""Of the rules; the kernel's own for main has 32766, Felix's for WireGuard 99 (`wireguardRoutingRulePriority`)."""
MAIN_RULE_PRIORITY = 32766
"""The rule with which the kernel looks into main (net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c)."""
SHORTEST = {"ipv4": 20, "ipv6": 64}
"""The length of the shortest prefix that is copied. Blocks of Calico have 20 to 32 bits, or 116 to 128 (IPPool
`blockSize`); with `USE_POD_CIDR` a node has podCIDRs. What is shorter comes from outside: defaults and aggregates."""


PROTOCOL = 179
"""The protocol of the routes that are copied, by which they are known; BIRD's own is 12 (iproute2 rt_protos)."""
BIRD = 12


class Obstacle(StrEnum):
    """Why a node cannot have a fallback table."""

    RULE = "rule"
    """Another rule has one of the two priorities, or one between them and that of main."""
    TABLE = "table"
    """The table has routes that rrplan did not put there."""
    DEAD_END = "dead-end"
    """Main has a route for many blocks that leads nowhere: the kernel would not look further."""
    COMMAND = "command"
    """The command failed, or cannot be run."""


@dataclass(frozen=True, slots=True)
class FamilyTable:
    """One family on one node: routes of BIRD in main that belong into the table, routes in it, and our rules (0 to 2).

    `detail` is what the node says of an obstacle.
    """

    routes: int = 0
    copied: int = 0
    rules: int = 0
    obstacle: Obstacle | None = None
    detail: str = ""

    @property
    def filled(self) -> bool:
        """Whether the kernel finds every route of BIRD in it."""
        return self.obstacle is None and self.rules == 2 and self.copied >= self.routes

    @property
    def removed(self) -> bool:
        """Whether nothing of it is there."""
        return not self.rules and not self.copied


@dataclass(frozen=True, slots=True)
class TableReading:
    """What one node says, per family (`ipv4`, `ipv6`); a family that its kernel does not have is absent."""

    node: NodeName
    families: Mapping[str, FamilyTable] = field(hash=False)

    @property
    def left(self) -> bool:
        """Whether anything of a fallback table is there."""
        return any(not table.removed for table in self.families.values())


class FallbackTables(Protocol):
    """The fallback tables of nodes; a node that does not answer is left out.

    Raises DatastoreTimeout where no node answers, DatastoreRefused where nobody may run commands on nodes.
    """

    def fill(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Copy the present routes of BIRD into the table, and keep what it has of routes that main lacks now."""
        ...

    def remove(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """Take rules and table away."""
        ...

    def read(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """What is there; nothing is changed."""
        ...


class NoTables:
    """Implements FallbackTables where no command can be run on nodes."""

    def fill(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """There is no way to the nodes."""
        return self.read(nodes)

    def remove(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """There is no way to the nodes."""
        return self.read(nodes)

    def read(self, nodes: Collection[NodeName]) -> Sequence[TableReading]:
        """There is no way to the nodes."""
        raise DatastoreRefused(
            f"no command can be run on {len(nodes)} nodes: fallback tables cannot be read or written"
        )


NO_TABLES = NoTables()

SCRIPT = (
    r"""
set -f
# blocks 4|6 SHORTEST: BIRD's routes in main as commands for ip -batch, without what leads nowhere or is short
blocks() {
  ip -$1 -o route show table main proto @BIRD@ | while read -r to rest; do
    case $to in blackhole|unreachable|prohibit|throw|default) continue ;; esac
    length=${to##*/}
    [ "$length" != "$to" ] || length=128
    [ "$length" -ge $2 ] || continue
    line="route replace $to table @TABLE@ proto @PROTO@"
    for word in $rest; do
      case $word in
        \\|dead|linkdown|pervasive|unresolved|notify) ;;
        offload|offload_failed|trap|rt_offload|rt_offload_failed|rt_trap) ;;
        *) line="$line $word" ;;
      esac
    done
    echo "$line"
  done
}
count() { number=0; while read -r line; do number=$((number + 1)); done; echo $number; }
# rules 4|6 SHORTEST: our rules by name, and those of others in our place
rules() {
  ip -$1 rule show | while read -r number text; do
    number=${number%:}
    case $number,$text in
      "@MAIN@,from all lookup main suppress_prefixlength $(($2 - 1))"*) echo main ;;
      "@OWN@,from all lookup @TABLE@"*) echo table ;;
      *[!0-9]*,*) ;;
      *) [ $number -lt @MAIN@ ] || [ $number -ge @LAST@ ] || echo "obstacle rule $number: $text" ;;
    esac
  done
}
# obstacles 4|6 SHORTEST: routes of others in the table, and those of main that end a search before it
obstacles() {
  ip -$1 -o route show table @TABLE@ 2>/dev/null | while read -r line; do
    case "$line " in *" proto @PROTO@ "*) ;; *) echo "obstacle table $line"; break ;; esac
  done
  for kind in blackhole unreachable prohibit; do
    ip -$1 -o route show table main type $kind | while read -r word to rest; do
      case "$rest " in *"metric 4294967295 "*) continue ;; esac
      length=${to##*/}
      [ "$to" != default ] || { length=0; to=0/0; [ $1 = 4 ] || to=::/0; }
      [ "$length" != "$to" ] && [ "$length" -lt $2 ] || continue
      hidden=$(ip -$1 route show table main proto @BIRD@ type unicast root $to)
      [ -z "$hidden" ] || echo "obstacle dead-end $word $to $rest"
    done
  done
}
for family in 4 6; do
  shortest=@IPV4@
  [ $family = 4 ] || shortest=@IPV6@
  ip -$family rule show >/dev/null 2>&1 || continue
  upper="priority @MAIN@ lookup main suppress_prefixlength $((shortest - 1))"
  lower="priority @OWN@ lookup @TABLE@"
  ours=$(rules $family $shortest)
  hindered=$(echo "$ours"; obstacles $family $shortest)
  case $1,$hindered in
    fill,*obstacle*) ;;
    fill,*)
      said=$(blocks $family $shortest | ip -$family -force -batch - 2>&1) ||
        echo rrplan: $family obstacle command $said
      case $ours in *main*) ;; *) ip -$family rule add $upper ;; esac
      case $ours in *table*) ;; *) ip -$family rule add $lower ;; esac
      ;;
    remove,*)
      case $ours in *table*) ip -$family rule del $lower ;; esac
      case $ours in *main*) ip -$family rule del $upper ;; esac
      ip -$family route flush table @TABLE@ proto @PROTO@ 2>/dev/null
      ;;
  esac
  echo "$hindered" | while read -r word rest; do
    [ "$word" != obstacle ] || echo "rrplan: $family obstacle $rest"
  done
  routes=$(blocks $family $shortest | count)
  copied=$(ip -$family -o route show table @TABLE@ 2>/dev/null | count)
  ours=$(rules $family $shortest | while read -r word rest; do [ "$word" = obstacle ] || echo $word; done | count)
  echo "rrplan: $family is $routes $copied $ours"
done
echo "rrplan: done"
""".lstrip()
    .replace("@TABLE@", str(TABLE))
    .replace("@MAIN@", str(MAIN_PRIORITY))
    .replace("@OWN@", str(TABLE_PRIORITY))
    .replace("@LAST@", str(MAIN_RULE_PRIORITY))
    .replace("@PROTO@", str(PROTOCOL))
    .replace("@BIRD@", str(BIRD))
    .replace("@IPV4@", str(SHORTEST["ipv4"]))
    .replace("@IPV6@", str(SHORTEST["ipv6"]))
)
"""What runs on a node, with the word `fill`, `remove` or `read`; it needs a POSIX shell and iproute2, and does the same
again when it is run again."""
