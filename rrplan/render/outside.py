"""What speakers outside must have configured: as a table, as data, and in the words of BIRD 2, FRR and Junos.

The configurations are a beginning: filters, timers and what else the other side wants are its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from rrplan.bgp.speaker import BGP_PORT, Family
from rrplan.planning.counterparts import Counterpart, Neighbour
from rrplan.text import one_line

PASSWORD = "PASSWORD"
"""Stands for a password, which is nowhere shown."""


def counterparts_text(counterparts: list[Counterpart]) -> str:
    """A table for people."""
    return "\n".join("\n".join(_table(each)) + "\n" for each in counterparts)


def _table(each: Counterpart) -> Iterator[str]:
    yield one_line(f"{each.role.name}: {each.address}, AS {each.role.as_number}{_part(each)}")
    if not each.neighbours:
        yield "  no node peers with it"
    width = max((len(neighbour.node) for neighbour in each.neighbours), default=0)
    for neighbour in each.neighbours:
        port = f" port {neighbour.port}" if neighbour.port != BGP_PORT else ""
        rest = [f"{neighbour.address}{port}", f"AS {neighbour.as_number}"]
        rest += ["client"] if neighbour.client else []
        rest += [_secret(neighbour)] if neighbour.secret else []
        rest += [f"TTL security, {neighbour.hops} hops"] if neighbour.hops else []
        yield one_line(f"  {neighbour.node:<{width}}  {', '.join(rest)}")


def _part(each: Counterpart) -> str:
    role = each.role
    parts = [f"reflects with cluster ID {role.cluster_id}"] if role.cluster_id else []
    parts += [f"transit{f' in fabric {role.fabric}' if role.fabric else ''}"] if role.transit else []
    parts += [f"announces {', '.join(role.announces)}"] if role.announces else []
    parts += ["not required"] if not role.required else []
    return "".join(f", {part}" for part in parts)


def _secret(neighbour: Neighbour) -> str:
    return f"password: key `{neighbour.key}` of Secret `{neighbour.secret}`"


def counterpart_json(each: Counterpart) -> dict[str, object]:
    """The same as data."""
    role = each.role
    return {
        "name": role.name,
        "family": each.family.value,
        "address": each.address,
        "as_number": role.as_number,
        "cluster_id": role.cluster_id or None,
        "transit": role.transit,
        "fabric": role.fabric or None,
        "announces": list(role.announces),
        "required": role.required,
        "neighbours": [
            {
                "node": neighbour.node,
                "address": neighbour.address,
                "as_number": neighbour.as_number,
                "port": neighbour.port,
                "client": neighbour.client,
                "password": {"secret": neighbour.secret, "key": neighbour.key} if neighbour.secret else None,
                "ttl_security_hops": neighbour.hops or None,
            }
            for neighbour in each.neighbours
        ],
    }


def bird_text(each: Counterpart) -> str:
    """For BIRD 2."""
    return _lines(_bird(each))


def frr_text(each: Counterpart) -> str:
    """For FRR."""
    return _lines(_frr(each))


def junos_text(each: Counterpart) -> str:
    """For Junos, as `set` commands."""
    return _lines(_junos(each))


CONFIGURATIONS: Mapping[str, Callable[[Counterpart], str]] = {"bird": bird_text, "frr": frr_text, "junos": junos_text}
"""By the word of `-o`."""


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{one_line(line)}\n" for line in lines)


def _head(each: Counterpart) -> str:
    return f"# {each.role.name}: {each.address}, AS {each.role.as_number}{_part(each)}"


def _word(text: str) -> str:
    """A name as the words of configurations have it."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def _bird(each: Counterpart) -> Iterator[str]:
    role, template = each.role, f"cluster_{_word(each.role.name)}"
    yield _head(each)
    yield f"template bgp {template} {{"
    yield f"  local {each.address} as {role.as_number};"
    if role.cluster_id:
        yield f"  rr cluster id {role.cluster_id};"
    yield "  multihop;"
    yield "  graceful restart on;"
    yield f"  {each.family.value} {{ import all; export all; add paths on; }};"
    yield "}"
    for neighbour in each.neighbours:
        port = f" port {neighbour.port}" if neighbour.port != BGP_PORT else ""
        # A name of a node may be that of another one but for dots and dashes; its address is its own.
        yield f"protocol bgp node_{_word(neighbour.address)} from {template} {{  # {neighbour.node}"
        yield f"  neighbor {neighbour.address}{port} as {neighbour.as_number};"
        if neighbour.client:
            yield "  rr client;"
        if neighbour.secret:
            yield f'  password "{PASSWORD}";  # {_secret(neighbour)}'
        if neighbour.hops:
            yield "  ttl security on;"
            yield f"  multihop {neighbour.hops};"
        yield "}"


def _frr(each: Counterpart) -> Iterator[str]:
    role = each.role
    yield _head(each).replace("#", "!", 1)
    yield f"router bgp {role.as_number}"
    if role.cluster_id:
        yield f" bgp cluster-id {role.cluster_id}"
    if any(neighbour.as_number != role.as_number for neighbour in each.neighbours):
        yield " no bgp ebgp-requires-policy"
    for neighbour in each.neighbours:
        lead = f" neighbor {neighbour.address}"
        yield f"{lead} remote-as {neighbour.as_number}"
        yield f"{lead} description {neighbour.node}"
        yield f"{lead} update-source {each.address}"
        if neighbour.port != BGP_PORT:
            yield f"{lead} port {neighbour.port}"
        if neighbour.secret:
            yield f" ! {_secret(neighbour)}"
            yield f"{lead} password {PASSWORD}"
        if neighbour.hops:
            yield f"{lead} ttl-security hops {neighbour.hops}"
    yield f" address-family {each.family.value} unicast"
    for neighbour in each.neighbours:
        lead = f"  neighbor {neighbour.address}"
        yield f"{lead} activate"
        if neighbour.client:
            yield f"{lead} route-reflector-client"
    yield " exit-address-family"


def _junos(each: Counterpart) -> Iterator[str]:
    role = each.role
    unicast = "inet" if each.family is Family.IPV4 else "inet6"
    yield _head(each)
    yield f"set routing-options autonomous-system {role.as_number}"
    for kind in ("internal", "external"):
        members = [one for one in each.neighbours if (one.as_number == role.as_number) is (kind == "internal")]
        group = f"set protocols bgp group cluster-{role.name}-{kind}-{unicast}"
        if members:
            yield f"{group} type {kind}"
            yield f"{group} local-address {each.address}"
            yield f"{group} family {unicast} unicast"
        if any(one.client for one in members):
            # All nodes of its AS are its clients.
            yield f"{group} cluster {role.cluster_id}"
        for one in members:
            lead = f"{group} neighbor {one.address}"
            yield f"{lead} description {one.node}"
            if kind == "external":
                yield f"{lead} peer-as {one.as_number}"
            if one.secret:
                yield f"# {_secret(one)}"
                yield f'{lead} authentication-key "{PASSWORD}"'
            if one.hops:
                yield f"# TTL security of this session: {one.hops} hops"
