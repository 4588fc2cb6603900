"""What birdcl of BIRD 1.6 prints, in its own shape, and what is not its answer."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rrplan.adapters.nodes.bird_output import (
    BirdOutputProblem,
    BirdProtocol,
    BirdRoute,
    established,
    protocols,
    recovering,
    routes,
)

BANNER = "BIRD v0.3.3+birdv1.6.8 ready.\n"
HEADER = "name     proto    table    state  since       info\n"


def rows(*lines: str) -> str:
    """The answer to `show protocols`."""
    return BANNER + HEADER + "".join(f"{line}\n" for line in lines)


ESTABLISHED = """\
Mesh_172_16_0_12 BGP      master   up     09:14:28    Established
  Description:    Connection to BGP peer
  Preference:     100
  Input filter:   ACCEPT
  Output filter:  calico_export_to_bgp_peers
  Routes:         3 imported, 2 exported, 1 preferred
  Route change stats:     received   rejected   filtered    ignored   accepted
    Import updates:              4          0          0          1          3
    Import withdraws:            0          0        ---          0          0
    Export updates:              9          5          2        ---          2
    Export withdraws:            0        ---        ---        ---          0
  BGP state:          Established
    Neighbor address: 172.16.0.12
    Neighbor AS:      64512
    Neighbor ID:      172.16.0.12
    Neighbor caps:    refresh enhanced-refresh restart-able llgr-aware AS4 add-path-rx add-path-tx
    Session:          internal multihop AS4 add-path-rx add-path-tx
    Source address:   172.16.0.11
    Hold timer:       233/240
    Keepalive timer:  75/80

"""
REFUSED = """\
Node_172_16_0_13 BGP      master   start  09:14:18    Active        Socket: Connection refused
  Description:    Connection to BGP peer
  Preference:     100
  Input filter:   ACCEPT
  Output filter:  calico_export_to_bgp_peers
  Routes:         0 imported, 0 exported, 0 preferred
  BGP state:          Active
    Neighbor address: 172.16.0.13
    Neighbor AS:      64512
    Neighbor graceful restart active
    Restart timer:    119/-
    Connect delay:    2/2
    Last error:       Socket: Connection refused

"""
DISABLED = """\
Node_172_16_0_18 BGP      master   down   09:14:18
  Description:    Connection to BGP peer
  Preference:     100
  BGP state:          Down
    Neighbor address: 172.16.0.18
    Neighbor AS:      64512

"""
DEVICE = """\
device1  Device   master   up     09:14:18
  Preference:     240
  Input filter:   ACCEPT
  Output filter:  REJECT
  Routes:         0 imported, 0 exported, 0 preferred

"""
HELD_BACK = """\
static1  Static   master   up     09:14:18
  Preference:     200
  Routes:         1 imported, 0 exported, 1 preferred
  GR recovery:

kernel1  Kernel   master   wait   09:14:18
  Preference:     10
  Routes:         0 imported, 0 exported, 0 preferred
  GR recovery:    waiting

Node_172_16_0_12 BGP      master   wait   09:14:22    Established
  Routes:         2 imported, 0 exported, 1 preferred
  GR recovery:    waiting
  BGP state:          Established
    Neighbor address: 172.16.0.12

Node_172_16_0_19 BGP      master   start  09:14:18    Active        Socket: No route to host
  Routes:         0 imported, 0 exported, 0 preferred
  GR recovery:    pending
  BGP state:          Active
    Neighbor address: 172.16.0.19
    Last error:       Socket: No route to host

"""
ROUTES = """\
172.16.0.0/24      dev eth0 [direct1 09:14:19] * (240)
                   via 172.16.0.12 on eth0 [Mesh_172_16_0_12 09:14:29] (100/0) [i]
10.244.9.64/26     via 172.16.0.12 on eth0 [Mesh_172_16_0_12 09:14:29] * (100/0) [i]
                   via 172.16.0.12 on eth0 [Node_172_16_0_13 09:14:31 from 172.16.0.13] (100/0) [i]
10.244.8.0/26      blackhole [static1 09:14:19] * (200)
10.244.7.0/26      unreachable [static1 09:14:19] * (200)
10.244.6.0/26      prohibited [static1 09:14:19] * (200)
10.244.5.0/26      multipath [static1 09:14:19] * (200)
\tvia 172.16.0.13 on eth0 weight 1
\tvia 172.16.0.14 on eth0 weight 2
10.244.4.0/26      via 172.16.0.12 on eth0 [Node_172_16_0_12 09:15:51] ! (100/0) [AS65001i]
                   via 172.16.0.13 on eth0 [kernel1 09:15:45] (10)
"""
STATUS = BANNER + (
    "BIRD v0.3.3+birdv1.6.8\n"
    "Router ID is 172.16.0.11\n"
    "Current server time is 2026-02-03 09:14:28\n"
    "Last reboot on 2026-02-03 09:14:22\n"
    "Last reconfiguration on 2026-02-03 09:14:22\n"
    "Daemon is up and running\n"
)
RECOVERY = STATUS.replace(
    "Daemon",
    "Graceful restart recovery in progress\n  Waiting for 1 protocols to recover\n  Wait timer is 234/240\nDaemon",
)


def on_the_socket(answer: str, code: str, detail: str = "") -> str:
    """The same answer as the control socket says it: a code where it changes, else a blank."""
    told = []
    last = ""
    for line in answer.splitlines():
        now = detail if detail and (not line or line[0] == " ") else code
        told.append(f" {line}" if now == last else f"{now}-{line}")
        last = now
    return "\n".join(["0001 BIRD v0.3.3+birdv1.6.8 ready.", *told, "0000 ", ""])


def test_sessions_and_their_details() -> None:
    """Neighbor, state, counts and last error come from the details; a disabled session says Down."""
    assert protocols(BANNER + HEADER + DEVICE + ESTABLISHED + REFUSED + DISABLED) == (
        BirdProtocol("device1", "Device", "up", "", "09:14:18"),
        BirdProtocol("Mesh_172_16_0_12", "BGP", "up", "Established", "09:14:28", "172.16.0.12", "Established", 3, 2),
        BirdProtocol(
            name="Node_172_16_0_13",
            proto="BGP",
            state="start",
            info="Active        Socket: Connection refused",
            since="09:14:18",
            neighbor="172.16.0.13",
            bgp_state="Active",
            last_error="Socket: Connection refused",
        ),
        BirdProtocol("Node_172_16_0_18", "BGP", "down", "", "09:14:18", "172.16.0.18", "Down"),
    )


def test_recovery_after_a_restart() -> None:
    """Kernel and live sessions wait; the dead session is the one that is pending; Established in `wait` is not up."""
    found = protocols(BANNER + HEADER + HELD_BACK)
    assert [(one.name, one.state, one.recovery) for one in found] == [
        ("static1", "up", ""),
        ("kernel1", "wait", "waiting"),
        ("Node_172_16_0_12", "wait", "waiting"),
        ("Node_172_16_0_19", "start", "pending"),
    ]
    assert all(one.recovering for one in found)
    assert (found[2].bgp_state, found[2].imported, found[2].established) == ("Established", 2, False)


def test_blanks_at_the_end_of_lines() -> None:
    """BIRD pads its columns, also the last one and a recovery that is none."""
    text = BANNER + HEADER + HELD_BACK
    assert protocols(text.replace("\n", "   \n")) == protocols(text)


def test_recovery_shows_without_details() -> None:
    """The kernel's state `wait` is enough."""
    kernel, session = protocols(
        rows(
            "kernel1  Kernel   master   wait   09:14:18    ", "Node_a BGP      master   up     09:14:18    Established"
        )
    )
    assert kernel.recovering
    assert not session.recovering


@pytest.mark.parametrize(
    ("state", "info", "bgp_state", "established"),
    [
        ("up", "Established   ", "Established", True),
        ("feed", "Established   ", "Established", False),
        ("wait", "Established   ", "Established", False),
        ("start", "Idle          ", "Idle", False),
        ("start", "Idle          Received: Bad peer AS", "Idle", False),
        ("start", "Idle          BGP Error: Hold timer expired", "Idle", False),
        ("start", "Active        Socket: Connection closed", "Active", False),
        ("start", "Connect       Socket: No route to host", "Connect", False),
        ("start", "OpenSent      ", "OpenSent", False),
        ("start", "OpenConfirm   BGP Error: Connection collision resolution", "OpenConfirm", False),
        ("start", "Passive       ", "Passive", False),
        ("stop", "Close         ", "Close", False),
        ("flush", "", "", False),
        ("down", "", "", False),
        ("hungry", "", "", False),
        ("???", "Dreaming      of: sheep", "Dreaming", False),
    ],
)
def test_states(state: str, info: str, bgp_state: str, established: bool) -> None:
    """Every state is carried as printed, also one that BIRD does not have; only `up` and Established is established."""
    (found,) = protocols(rows(f"{'Node_a':8} {'BGP':8} {'master':8} {state:6} {'09:14:18':10}  {info}"))
    assert (found.state, found.info, found.bgp_state) == (state, info.strip(), bgp_state)
    assert found.established is established


@pytest.mark.parametrize("since", ["09:14:18", "09:14", "2026-02-03", "2026-02-03 09:14:18", "2026-02-03 09:14:18.123"])
def test_since_in_every_format(since: str) -> None:
    """An old entry has its date, `iso long` both with a blank in between; the info stays what it is."""
    (found,) = protocols(rows(f"Node_a   BGP      master   up     {since}  Established   "))
    assert (found.since, found.info, found.established) == (since, "Established", True)


def test_established_sessions_are_counted() -> None:
    """As many as are `up` and Established, in every format; what is no answer is none."""
    up, date = ESTABLISHED.splitlines()[0], "Node_a BGP      master   up     2026-02-03 09:14:18  Established   "
    lines = (up, date, HELD_BACK.splitlines()[10], REFUSED.splitlines()[0], DISABLED.splitlines()[0] + "    ")
    for text in (
        rows(*lines),
        rows(*lines) + "\n",
        rows(*lines).replace("\n", "\r\n"),
        "2002-" + HEADER + "1002-" + "\n ".join(lines) + "\n0000 \n",
    ):
        assert established(text) == 2
    assert established(rows(*lines, DEVICE.splitlines()[0])) == 2
    assert established(f"{BANNER}No protocols match\n") == 0
    with pytest.raises(BirdOutputProblem, match="not an answer of birdcl: Connection closed by server"):
        established(rows(*lines, "Connection closed by server."))
    with pytest.raises(BirdOutputProblem, match="not an answer of birdcl: syntax error"):
        established(f"{BANNER}syntax error\n")


def test_established_needs_bgp() -> None:
    """A protocol that is up is no session."""
    (found,) = protocols(BANNER + HEADER + DEVICE)
    assert not found.established


def test_names_that_calico_gives() -> None:
    """Ports and IPv6 neighbors, also with their interface."""
    text = ESTABLISHED.replace("Mesh_172_16_0_12", "Global_fd00__12_port_500").replace("172.16.0.12", "fe80::1%eth0")
    (found,) = protocols(BANNER + HEADER + text)
    assert (found.name, found.neighbor) == ("Global_fd00__12_port_500", "fe80::1%eth0")


def test_filtered_routes_are_counted_apart() -> None:
    """`filtered` stands between imported and exported where a daemon keeps them."""
    text = ESTABLISHED.replace("3 imported, 2 exported", "3 imported, 7 filtered, 2 exported")
    (found,) = protocols(BANNER + HEADER + text)
    assert (found.imported, found.exported) == (3, 2)


def test_talk_around_the_answer() -> None:
    """What kubectl says before the banner, carriage returns and echoed log lines are no part of it."""
    text = 'Defaulted container "calico-node" out of: calico-node, mount-bpffs (init)\n' + BANNER + HEADER + ESTABLISHED
    noisy = text.replace("  Routes:", ">>> Mesh_172_16_0_12: State changed to feed\n  Routes:").replace("\n", "\r\n")
    assert protocols(noisy) == protocols(BANNER + HEADER + ESTABLISHED)
    assert len(routes("E1123 connection reset, trying again\n" + BANNER + ROUTES)) == 11


def test_codes_of_the_socket() -> None:
    """With codes, as the socket says it and as `birdcl -v` shows it, the answer is the same."""
    answer = DEVICE + ESTABLISHED + REFUSED + HELD_BACK
    coded = on_the_socket(answer, "1002", "1006").replace("1002-", f"2002-{HEADER}1002-", 1)
    assert protocols(coded) == protocols(BANNER + HEADER + answer)
    assert protocols(coded.replace("\n ", "\n     ")) == protocols(BANNER + HEADER + answer)
    short = (
        "2002-"
        + HEADER
        + "1002-static1  Static   master   up     09:14:18    \n device1  Device   master   up     09:14\n"
    )
    for text in (short, short.replace("\n ", "\n     ")):
        assert [one.name for one in protocols(text)] == ["static1", "device1"]
    assert routes(on_the_socket(ROUTES, "1007")) == routes(BANNER + ROUTES)
    assert routes(on_the_socket(ROUTES, "1007").replace("\n ", "\n     ")) == routes(BANNER + ROUTES)
    assert recovering("1000-BIRD 1.6.8\n1011-Router ID is 172.16.0.11\n0024-Graceful restart recovery in progress\n")


def test_routes_of_every_kind() -> None:
    """Best and further routes, targets without next hop, one Route per hop, sender, AS, and the kernel's refusal."""
    assert routes(BANNER + ROUTES) == (
        BirdRoute("172.16.0.0/24", "", "direct1", "", True, target="dev"),
        BirdRoute("172.16.0.0/24", "172.16.0.12", "Mesh_172_16_0_12", "i", False),
        BirdRoute("10.244.9.64/26", "172.16.0.12", "Mesh_172_16_0_12", "i", True),
        BirdRoute("10.244.9.64/26", "172.16.0.12", "Node_172_16_0_13", "i", False, sender="172.16.0.13"),
        BirdRoute("10.244.8.0/26", "", "static1", "", True, target="blackhole"),
        BirdRoute("10.244.7.0/26", "", "static1", "", True, target="unreachable"),
        BirdRoute("10.244.6.0/26", "", "static1", "", True, target="prohibited"),
        BirdRoute("10.244.5.0/26", "172.16.0.13", "static1", "", True, target="multipath"),
        BirdRoute("10.244.5.0/26", "172.16.0.14", "static1", "", True, target="multipath"),
        BirdRoute("10.244.4.0/26", "172.16.0.12", "Node_172_16_0_12", "AS65001i", False),
        BirdRoute("10.244.4.0/26", "172.16.0.13", "kernel1", "", False),
    )


def test_routes_of_ipv6_and_long_times() -> None:
    """Prefixes of both families; a date with a time is still not the sender."""
    text = (
        "fd10:244:7::/122   via fd00::7 on eth0 [Mesh_fd00__7 2026-02-03 09:14:29 from fd00::9] * (100/0) [i]\n"
        "                   via fe80::1 on eth0 [Node_fd00__8 2026-02-03] (100/?) [?]\n"
    )
    assert routes(BANNER + text) == (
        BirdRoute("fd10:244:7::/122", "fd00::7", "Mesh_fd00__7", "i", True, sender="fd00::9"),
        BirdRoute("fd10:244:7::/122", "fe80::1", "Node_fd00__8", "?", False),
    )


def test_attributes_of_routes_are_passed_over() -> None:
    """`show route all` gives the same routes."""
    noisy = ROUTES.replace(
        " [i]\n", " [i]\n\tType: BGP unicast univ\n\tBGP.origin: IGP\n\tBGP.as_path: \n\tBGP.2f [t]: 0a\n"
    )
    assert routes(BANNER + noisy) == routes(BANNER + ROUTES)


def test_answers_without_entries() -> None:
    """No routes and no matching protocol are answers."""
    assert routes(BANNER) == ()
    assert routes("0001 BIRD 1.6.8 ready.\n0000 \n") == ()
    assert routes(BANNER + "Network not in table\n") == ()
    assert protocols(BANNER + "No protocols match\n") == ()
    assert protocols("8003 No protocols match\n") == ()


def test_status() -> None:
    """Recovery is what the status says, nothing else."""
    assert recovering(RECOVERY)
    assert not recovering(STATUS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "birdcl said nothing"),
        (" \n\n", "birdcl said nothing"),
        (
            "Unable to connect to server control socket (/var/run/calico/bird.ctl): Connection refused\n",
            "not an answer of birdcl: Unable to connect to server control socket (/var/run/calico/bird.ctl): Connecti…",
        ),
        ("<html>\n<body>502 Bad Gateway</body>\n", "not an answer of birdcl: <html>"),
        ("no such name\n", "not an answer of birdcl: no such name"),
        (BANNER + "syntax error\n", "not an answer of birdcl: syntax error"),
        ("0001 BIRD 1.6.8 ready.\n9001 syntax error\n", "not an answer of birdcl: syntax error"),
        ("/bin/sh: birdcl: not found\n", "not an answer of birdcl: /bin/sh: birdcl: not found"),
        ("  leading blanks only\n", "not an answer of birdcl: leading blanks only"),
    ],
)
def test_not_an_answer(text: str, said: str) -> None:
    """All three say what they were given instead."""
    for read in (protocols, routes, recovering):
        with pytest.raises(BirdOutputProblem) as error:
            read(text)
        assert str(error.value) == said


@pytest.mark.parametrize(
    "line", ["Node_172_16_0_12 BGP      master", "command terminated with exit code 1", "<error/>"]
)
def test_broken_protocols(line: str) -> None:
    """A row that is cut off, or another program's talk, is a problem and no protocol."""
    with pytest.raises(BirdOutputProblem, match=line.split()[0]):
        protocols(BANNER + HEADER + ESTABLISHED + line)


@pytest.mark.parametrize(
    "line",
    [
        "10.244.9.0/26",
        "10.244.9.0/26      via 172.16.0.12 on et",
        "10.244.9.0/26      via 172.16.0.12 on eth0 [Mesh_172",
        "10.244.9.0/26      via 172.16.0.12 on eth0 []",
        "command terminated with exit code 1",
        "9 of 9 routes for 7 networks",
    ],
)
def test_broken_routes(line: str) -> None:
    """A route that is cut off, or another answer, is a problem and no route."""
    with pytest.raises(BirdOutputProblem, match="not an answer of birdcl"):
        routes(BANNER + ROUTES + line)


def test_further_route_without_a_prefix() -> None:
    """A text that begins in the middle is a problem."""
    with pytest.raises(BirdOutputProblem):
        routes(ROUTES.split("\n", 1)[1])


def test_counts_that_are_none() -> None:
    """A line of counts that nobody understands counts nothing."""
    text = ESTABLISHED.replace("3 imported, 2 exported", f"many imported, {'9' * 5000} exported, ٣ preferred")
    (found,) = protocols(BANNER + HEADER + text)
    assert (found.imported, found.exported) == (0, 0)


def test_large_answers() -> None:
    """5,000 sessions with details and more than 5,000 routes take less than a second."""
    began = time.process_time()
    assert len(protocols(BANNER + HEADER + ESTABLISHED * 5_000)) == 5_000
    assert len(routes(BANNER + ROUTES * 500)) == 5_500
    assert time.process_time() - began < 1


PIECES = st.sampled_from(
    [line for text in (BANNER, HEADER, ESTABLISHED, HELD_BACK, ROUTES, RECOVERY) for line in text.splitlines(True)]
    + ["1002-", "1006-  ", "1007-", "2002-", "0000 \n", "0024-", "9001 ", "\n", " ", "\t", "[", "]", ":", "via ", ">>>"]
)


@given(st.text() | st.lists(PIECES | st.text(max_size=9), max_size=25).map("".join))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever the text, there is an answer or a BirdOutputProblem."""
    for read in (protocols, routes, recovering):
        with suppress(BirdOutputProblem):
            read(text)


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "P", "S"]), min_size=1))
def test_any_state_is_carried(state: str) -> None:
    """A state is a word of BIRD's, not of ours."""
    (found,) = protocols(rows(f"kernel1  Kernel   master   {state} 09:14:18"))
    assert found.state == state
