"""What is seen of speakers, and how two moments differ."""

from rrplan.ids import NodeName
from rrplan.rehearsal.portrait import Item, differences, read_routes

ROUTES = """0001 BIRD 1.6.8 ready.
1007-10.244.0.0/26      blackhole [blocks 08:43:40] * (200)
1008-\tType: static unicast univ
1007-10.244.0.64/26     via 10.0.0.2 on eth0 [Mesh_10_0_0_2 08:43:41] * (100/0) [i]
1008-\tType: BGP unicast univ
1012-\tBGP.origin: IGP
 \tBGP.as_path:\x20
 \tBGP.next_hop: 10.0.0.2
 \tBGP.local_pref: 100
1007-                   via 10.0.0.2 on eth0 [Node_10_0_0_9 2026-11-27 from 10.0.0.9] (100/0) [i]
1012-\tBGP.next_hop: 10.0.0.2
 \tBGP.originator_id: 10.0.0.2
0000\x20
"""
"""As BIRD 1.6.8 says it on its control socket."""

A, B = NodeName("a"), NodeName("b")


def test_routes() -> None:
    """Prefix, next hop, which of them is best, attributes; neither times nor interfaces."""
    assert [*read_routes(ROUTES)] == [
        ("10.244.0.0/26 by blocks", "blackhole; best"),
        (
            "10.244.0.64/26 by Mesh_10_0_0_2",
            "via 10.0.0.2; best; origin IGP; as_path ; next_hop 10.0.0.2; local_pref 100",
        ),
        (
            "10.244.0.64/26 by Node_10_0_0_9 from 10.0.0.9",
            "via 10.0.0.2; next_hop 10.0.0.2; originator_id 10.0.0.2",
        ),
    ]
    assert [*read_routes("0001 BIRD 1.6.8 ready.\n8001 Network not in table\n")] == []


def test_time_is_no_difference() -> None:
    """The same routes at another time of day are the same."""
    assert [*read_routes(ROUTES)] == [*read_routes(ROUTES.replace("08:43", "11:59").replace("2026-11-27", "12:00:01"))]


def test_differences() -> None:
    """Each kind of difference with an example and how many are like it."""

    def item(node: NodeName, kind: str, name: str) -> Item:
        return Item(node, "ipv4", kind, name)

    session, route, kernel = item(A, "session", "Mesh_10_0_0_2"), "10.244.0.64/26", "kernel route"
    before = {
        session: "Established",
        item(B, "session", "Mesh_10_0_0_1"): "Established",
        item(A, kernel, route): "via 10.0.0.2",
        item(A, "export of Mesh_10_0_0_2", route): "blackhole",
        item(B, kernel, "10.244.0.0/26"): "via 10.0.0.1",
    }
    after = {
        session: "Active",
        item(B, "session", "Mesh_10_0_0_1"): "Active",
        item(A, "route", f"{route} by Node_10_0_0_9"): "via 10.0.0.2; best",
        item(B, kernel, "10.244.0.0/26"): "via 10.0.0.9",
    }
    assert [*differences(before, after, "at first", "at last")] == [
        f"a (ipv4), export of Mesh_10_0_0_2 {route}: at first blackhole, at last nothing",
        f"a (ipv4), kernel route {route}: at first via 10.0.0.2, at last nothing",
        f"a (ipv4), route {route} by Node_10_0_0_9: at first nothing, at last via 10.0.0.2; best",
        "a (ipv4), session Mesh_10_0_0_2: at first Established, at last Active (and 1 more like it)",
        "b (ipv4), kernel route 10.244.0.0/26: at first via 10.0.0.1, at last via 10.0.0.9",
    ]
    assert not [*differences(before, before, "at first", "at last")]
