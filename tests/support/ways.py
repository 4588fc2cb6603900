"""Every way of every route over single nodes, by RFC 4456 and BIRD's rule; shares no code with `rrplan.bgp`."""

from collections.abc import Callable, Collection, Iterator

from rrplan.resources import Node

Way = tuple[tuple[str, ...], str]
"""Through whom a route came, its origin first, and who holds the path."""


def ways(nodes: Collection[Node], joined: Callable[[Node, Node], bool]) -> Iterator[Way]:
    """All paths of all routes, for nodes of one AS; `joined` says which two of them have a session."""

    def spread(at: Node, way: tuple[str, ...], clusters: frozenset[str], *, from_client: bool) -> Iterator[Way]:
        for to in nodes:
            if to is at or to.name in way or not joined(at, to):
                continue
            own_client = bool(at.cluster_id) and at.cluster_id != to.cluster_id
            their_client = bool(to.cluster_id) and at.cluster_id != to.cluster_id
            passed = clusters
            if way:
                if not at.cluster_id or not (from_client or own_client) or (own_client and at.cluster_id in clusters):
                    continue
                passed = clusters | {at.cluster_id}
                if their_client and to.cluster_id in passed:
                    continue
            yield (*way, at.name), to.name
            yield from spread(to, (*way, at.name), passed, from_client=their_client)

    for origin in nodes:
        yield from spread(origin, (), frozenset(), from_client=False)
