"""What a spec takes away from its gates, and what the proof therefore does not say."""

from __future__ import annotations

from collections.abc import Iterator

from rrplan.specs.model import Gates

UNSTEADY_SECONDS = 1
"""Of 267 sessions that went down while they came up, all did within 0.97 s after they were up (BIRD 1.6.8, in network
namespaces; both ends dial, and an incoming connection restarts a session that has `graceful restart`)."""


def loosened(gates: Gates) -> Iterator[str]:
    """In words, where gates may pass although the next step would take routes from somebody."""
    if gates.fraction < 100:
        yield (
            f"`gates: {{fraction: {gates.fraction}%}}`: a gate passes while other nodes lack sessions or routes, and "
            "the next step may take from these what they still have; the proof speaks of gates that all nodes passed"
        )
    if gates.stable <= UNSTEADY_SECONDS:
        yield (
            f"`gates: {{stable: {gates.stable}s}}`: one in four new sessions with reflectors goes down again within a "
            "second after it came up, and a gate may pass just then; 10 s are usual"
        )
