"""The script of fallback tables with the real `ip`, in a network namespace of its own."""

import os
import shutil
import subprocess

import pytest

from rrplan.adapters.nodes.fallback import parsed
from rrplan.fallback import SCRIPT, FamilyTable, Obstacle
from tests.bird.laboratory import lacking
from tests.conftest import lacks

pytestmark = pytest.mark.bird

NODE = """
ip link add eth0 type bridge && ip link set eth0 up && ip link set lo up
ip address add 10.0.0.1/24 dev eth0 && ip -6 address add fd00::1/64 dev eth0 nodad
ip route add default via 10.0.0.254
ip route add 10.244.1.0/26 via 10.0.0.2 proto 12
ip route add 10.244.2.0/26 via 10.0.0.3 dev eth0 onlink proto 12
ip route add 10.244.3.0/26 proto 12 nexthop via 10.0.0.3 nexthop via 10.0.0.4
ip route add 10.244.9.9 via 10.0.0.9 proto 12
ip route add blackhole 10.244.0.0/26 proto 12
ip route add 172.16.0.0/12 via 10.0.0.9 proto 12
ip route add 192.168.7.0/24 via 10.0.0.9
ip -6 route add fd01::/122 via fd00::2 proto 12
ip -6 route add blackhole fd01::100/122 proto 12
"""
"""A node with routes of BIRD (protocol 12), and one of others.

Blocks, one as for a tunnel and one of two next hops, a borrowed address, its own block, an aggregate from outside.
"""
SHELLS = [name for name in ("dash", "bash") if shutil.which(name)]


def node(words: str, shell: str = "sh", script: str = SCRIPT) -> dict[str, str]:
    """What each command prints on such a node: lines are `NAME: COMMAND`, and `fill` and the like run the script."""
    missing = lacking()
    if missing:
        lacks(f"no namespaces; missing: {'; '.join(missing)}")
    lines = []
    for line in words.strip().splitlines():
        name, _, text = line.partition(": ")
        if text in ("fill", "remove", "read"):
            text = f'{shell} -c "$SCRIPT" rrplan {text}'
        lines.append(f"echo '== {name.strip()}'; {text}")
    run = ["unshare", "-Urn", "sh", "-c", "\n".join([NODE, *lines])]
    done = subprocess.run(run, capture_output=True, text=True, check=False, env={**os.environ, "SCRIPT": script})
    assert done.returncode == 0, done.stdout + done.stderr
    _, *answers = done.stdout.split("== ")
    return {name: text for name, _, text in (answer.partition("\n") for answer in answers)}


HOPS = r"\ nexthop via 10.0.0.3 dev eth0 weight 1 \ nexthop via 10.0.0.4 dev eth0 weight 1"
FULL = {"ipv4": FamilyTable(4, 4, 2), "ipv6": FamilyTable(1, 1, 2)}
NONE = {"ipv4": FamilyTable(4), "ipv6": FamilyTable(1)}


@pytest.mark.parametrize("shell", SHELLS)
def test_there_and_back(shell: str) -> None:
    """Blocks and borrowed addresses are copied with all that leads to them; defaults, aggregates and dead ends are not.

    Filling again changes nothing, and nothing is left in the end.
    """
    seen = node(
        """
        before: ip rule; ip -6 rule
        read: read
        fill: fill
        rules: ip rule; ip -6 rule
        table: ip -o route show table 20179; ip -6 -o route show table 20179
        again: fill
        remove: remove
        after: ip rule; ip -6 rule
        none: ip route show table 20179; ip -6 route show table 20179
        twice: remove
        """,
        shell,
    )
    assert parsed(seen["read"]) == NONE
    assert parsed(seen["fill"]) == parsed(seen["again"]) == FULL
    assert [line.split() for line in seen["rules"].splitlines() if line.startswith("3200")] == [
        f"{number}: from all lookup {rest}".split()
        for length in (19, 63)
        for number, rest in ((32000, f"main suppress_prefixlength {length}"), (32001, "20179"))
    ]
    assert [line.split() for line in seen["table"].splitlines()] == [
        ["10.244.1.0/26", "via", "10.0.0.2", "dev", "eth0", "proto", "179"],
        ["10.244.2.0/26", "via", "10.0.0.3", "dev", "eth0", "proto", "179", "onlink"],
        ["10.244.3.0/26", "proto", "179", *HOPS.split()],
        ["10.244.9.9", "via", "10.0.0.9", "dev", "eth0", "proto", "179"],
        ["fd01::/122", "via", "fd00::2", "dev", "eth0", "proto", "179", "metric", "1024", "pref", "medium"],
    ]
    assert parsed(seen["remove"]) == parsed(seen["twice"]) == NONE
    assert (seen["after"], seen["none"]) == (seen["before"], "")


def test_what_the_kernel_does_with_it() -> None:
    """A block that main has no route of is found in the table; what main has is taken from there, defaults last."""
    seen = node(
        """
        fill: fill
        gone: ip route del 10.244.1.0/26 && ip -6 route del fd01::/122
        table: ip route get 10.244.1.5; ip -6 route get fd01::5
        moved: ip route replace 10.244.2.0/26 via 10.0.0.7 proto 12 && ip route get 10.244.2.5
        wider: ip route add 10.244.0.0/16 via 10.0.0.8 && ip route get 10.244.1.5
        other: ip route get 192.168.7.7
        default: ip route get 8.8.8.8
        outside: ip route get 172.16.1.1
        own: ip route get 10.244.0.5 2>&1; true
        """
    )
    assert "via 10.0.0.2 dev eth0 table 20179" in seen["table"]
    assert "via fd00::2 dev eth0 table 20179" in seen["table"]
    assert "via 10.0.0.7" in seen["moved"]
    # A wider route of main would lead somewhere else, and does not come first.
    assert "via 10.0.0.2 dev eth0 table 20179" in seen["wider"]
    assert "via 10.0.0.9" in seen["other"]
    assert "via 10.0.0.254" in seen["default"]
    assert "via 10.0.0.9 dev eth0 src" in seen["outside"]
    assert "via" not in seen["own"]


def test_filled_again() -> None:
    """What main has by then replaces the copy; what main lacks at the moment is kept."""
    seen = node(
        """
        fill: fill
        change: ip route del 10.244.1.0/26 && ip route replace 10.244.2.0/26 via 10.0.0.7 proto 12
        new: ip route add 10.244.5.0/26 via 10.0.0.5 proto 12
        again: fill
        table: ip -o route show table 20179
        """
    )
    assert parsed(seen["again"])["ipv4"] == FamilyTable(4, 5, 2)
    table = seen["table"]
    assert "10.244.1.0/26 via 10.0.0.2 " in table
    assert "10.244.2.0/26 via 10.0.0.7 " in table
    assert "10.244.5.0/26 via 10.0.0.5 " in table


def test_others_in_the_way() -> None:
    """A rule, routes or a dead end of others are named, nothing is done in that family, and nothing of theirs goes."""
    seen = node(
        """
        rule: ip rule add priority 32500 from 10.9.9.9 lookup 77
        ruled: fill
        unruled: ip rule del priority 32500 && ip rule add priority 32000 from 10.9.9.9 lookup 77
        same: fill
        removed: remove
        rules: ip rule
        free: ip rule del priority 32000 && ip route add 1.2.3.0/24 via 10.0.0.3 table 20179
        table: fill
        left: remove
        theirs: ip route show table 20179
        dead: ip route flush table 20179 && ip route add unreachable 10.0.0.0/8
        hidden: fill
        harmless: ip route del unreachable 10.0.0.0/8 && ip route add blackhole 172.31.0.0/16
        full: fill
        end: ip route add blackhole default metric 9
        defaulted: read
        """
    )
    four = {name: parsed(seen[name])["ipv4"] for name in seen if seen[name].startswith("rrplan: ")}
    assert (four["ruled"].obstacle, four["ruled"].detail) == (Obstacle.RULE, "32500: from 10.9.9.9 lookup 77")
    assert (four["same"].obstacle, four["same"].rules) == (Obstacle.RULE, 0)
    assert "32000:\tfrom 10.9.9.9 lookup 77" in seen["rules"]
    assert (four["table"].obstacle, four["table"].copied) == (Obstacle.TABLE, 1)
    assert four["table"].detail.startswith("1.2.3.0/24 via 10.0.0.3 dev eth0")
    assert seen["theirs"].startswith("1.2.3.0/24 via 10.0.0.3")
    assert (four["hidden"].obstacle, four["hidden"].detail) == (Obstacle.DEAD_END, "unreachable 10.0.0.0/8")
    assert four["full"] == FamilyTable(4, 4, 2)
    assert (four["defaulted"].obstacle, four["defaulted"].detail) == (Obstacle.DEAD_END, "blackhole 0/0 metric 9")


def test_a_copy_that_the_kernel_refuses() -> None:
    """The others are made all the same, and what `ip` said is told."""
    broken = SCRIPT.replace("proto 179", "proto 999", 1)
    assert broken != SCRIPT
    seen = node("fill: fill", script=broken)
    table = parsed(seen["fill"])["ipv4"]
    assert (table.copied, table.obstacle) == (0, Obstacle.COMMAND)
    assert "999" in table.detail
