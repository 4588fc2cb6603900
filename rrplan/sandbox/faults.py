"""Faults by name, as `--fault` takes them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from rrplan.bgp.endpoint import endpoint_of
from rrplan.errors import UsageProblem

FAULTS = {
    "session-never-up": "NODE: the reflector sessions of that node never come up",
    "slow-node": "NODE: the sessions of that node take 40 s longer",
    "reflector-dies": "NODE: 25 s after it became a reflector, all its sessions are down",
    "outside-down": "ADDRESS: new sessions to that address outside the cluster never come up",
    "lost-reply": "N: the N-th write lands, but its reply is lost",
    "conflict": "N: somebody else edits the object just before the N-th write",
    "api-away": "N: from the N-th write on, the API is away for 20 s",
    "kill-after-entry": "N: the process is killed after N journal entries",
}
_NUMBERED = ("lost-reply", "conflict", "api-away", "kill-after-entry")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `node`, `address` or `number`, as its name wants."""

    name: str
    node: str = ""
    number: int = 0
    address: str = ""


def parse_fault(text: str) -> Fault:
    """Read `NAME=VALUE`; raises UsageProblem."""
    name, _, value = text.partition("=")
    if name not in FAULTS:
        close = difflib.get_close_matches(name, FAULTS, n=1)
        known = ", ".join(f"`{fault}`" for fault in FAULTS)
        raise UsageProblem(
            f"unknown fault `{name}`", hint=f"did you mean `{close[0]}`?" if close else f"known: {known}"
        )
    if name in _NUMBERED:
        if not value.isdecimal() or int(value) < 1:
            raise UsageProblem(
                f"fault `{name}` needs a number from 1 on, found `{value}`", hint=f"{name}={FAULTS[name]}"
            )
        return Fault(name, number=int(value))
    if name == "outside-down":
        endpoint = endpoint_of(value)
        if endpoint is None:
            raise UsageProblem(f"fault `{name}` needs an address, found `{value}`", hint=f"{name}={FAULTS[name]}")
        return Fault(name, address=endpoint.address)
    if not value:
        raise UsageProblem(f"fault `{name}` needs a node", hint=f"{name}={FAULTS[name]}")
    return Fault(name, node=value)
