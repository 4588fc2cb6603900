"""What a spec may not say of speakers outside the cluster, taken as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.specs.document import Path
from rrplan.specs.model import Flavor, Group, Spec
from rrplan.specs.outside import OutsideSpeaker

SUFFIXES = ("clients", "wave")
"""What the names of a group's own BGPPeers end in."""


def peer_names(group: Group, speaker: OutsideSpeaker) -> dict[str, str]:
    """The names of the BGPPeers between a group and a reflector outside, by its address."""
    names = (f"rrplan-{group.name}-{speaker.name}", f"rrplan-{group.name}-{speaker.name}-ipv6")
    return dict(zip(speaker.address, names, strict=False))


def outside_contradictions(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    """What each field of `outside` allows but the whole does not."""
    names: set[str] = set()
    owners: dict[str, str] = {}
    for index, speaker in enumerate(spec.outside):
        at: Path = ("outside", index)
        if speaker.name in names:
            yield (*at, "name"), f"two speakers outside are called `{speaker.name}`", "their names are unique"
        names.add(speaker.name)
        for address in speaker.address:
            if address in owners:
                yield (
                    (*at, "address"),
                    f"{address} is the address of `{owners[address]}` and of `{speaker.name}`",
                    "one speaker has an address",
                )
            owners.setdefault(address, speaker.name)
        yield from _part(speaker, at)
    yield from _groups(spec)


def _part(speaker: OutsideSpeaker, at: Path) -> Iterator[tuple[Path, str, str]]:
    if speaker.reflects and speaker.transit:
        yield (
            (*at, "transit"),
            f"`{speaker.name}` either reflects within its AS or passes routes on between others",
            "remove `transit`, or `reflects`",
        )
    if speaker.fabric and not speaker.transit:
        yield (*at, "fabric"), "a fabric joins speakers with `transit: true`", "add it, or remove `fabric`"
    if speaker.announces and not speaker.required:
        yield (
            (*at, "announces"),
            f"every node must hold what `{speaker.name}` announces, so its loss matters",
            "remove `required: false`, or `announces`",
        )
    families = {":" in address for address in speaker.address}
    for prefix in speaker.announces:
        if (":" in prefix) not in families:
            yield (
                (*at, "announces"),
                f"`{speaker.name}` has no address of the family of {prefix}",
                "routes of a family come over sessions of that family; give `address: [IPv4, IPv6]`",
            )


def _groups(spec: Spec) -> Iterator[tuple[Path, str, str]]:
    known = {speaker.name: speaker for speaker in spec.outside}
    made: dict[str, str] = {"rrplan-reflectors": "the reflectors"}
    for group in spec.groups:
        for suffix in SUFFIXES:
            made.setdefault(f"rrplan-{group.name}-{suffix}", f"the clients of group `{group.name}`")
    for index, group in enumerate(spec.groups):
        at: Path = ("groups", index, "outside")
        if group.outside and spec.flavor is Flavor.STANDALONE:
            yield at, "standalone reflectors are all the reflectors there are", "remove `outside` of the group"
        for name in dict.fromkeys(group.outside):
            speaker = known.get(name)
            if speaker is None:
                listed = ", ".join(f"`{other}`" for other in known) or "none is there"
                yield at, f"group `{group.name}`: `outside` has no speaker `{name}`", f"known here: {listed}"
            elif not speaker.reflects:
                hint = f"add `reflects: {{clusterID: ...}}` to `{name}`, or take it out of the group"
                yield at, f"group `{group.name}`: `{name}` does not reflect", hint
            elif not speaker.required:
                hint = "remove `required: false`, or take it out of the group"
                yield at, f"group `{group.name}` rests on `{name}`, which is not required", hint
            if speaker is not None:
                peers = peer_names(group, speaker).values()
                for peer in (*peers, *(f"{peer}-wave" for peer in peers)):
                    if peer in made:
                        yield at, f"BGPPeer `{peer}` would be for {made[peer]} and for `{name}`", "choose another name"
                    made[peer] = f"`{name}` of group `{group.name}`"
        if len(set(group.outside)) < len(group.outside):
            twice = next(name for name in group.outside if group.outside.count(name) > 1)
            yield at, f"`{twice}` is twice in group `{group.name}`", "name it once"
