"""What a rehearsal measured, as a value that can be kept in the plan file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rrplan.digest import digest
from rrplan.errors import DigestMismatch, FileFormatError
from rrplan.ids import StepId

FORMAT_VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of ordered pairs of one kind (such as `client to reflector`), during one step.

    `exposed` of the `pairs` may be without a route by the proof. `lost` of the `sent` probes did not arrive;
    `silence_ms` is the longest time in which no probe of a pair arrived. `routes` were away from a kernel table, the
    longest for `away_ms`.
    """

    kind: str
    pairs: int
    exposed: int
    sent: int
    lost: int
    silence_ms: int
    routes: int
    away_ms: int


@dataclass(frozen=True, slots=True)
class StepMeasure:
    """One step, carried out or taken back (`back`).

    It took `seconds`; its gates usually take `usually` seconds, 0 without gates.
    """

    step: StepId
    back: bool
    seconds: int
    usually: int
    traffic: tuple[Traffic, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Probes sent and lost, and routes that were away from a kernel table; the longest of each in milliseconds."""

    sent: int = 0
    lost: int = 0
    silence_ms: int = 0
    routes: int = 0
    away_ms: int = 0


@dataclass(frozen=True, slots=True)
class SampledKind:
    """Nodes of one kind: `nodes` of `of` are in the sample, one of them is `example`."""

    kind: str
    example: str
    nodes: int
    of: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One rehearsal of a plan, there and back.

    `there` and `back` are results of the two runs ("" where there was no way back to go). `safe` counts pairs while
    they are not exposed, `exposed` pairs while the proof says that they are. `contradictions` say in words
    where it did not go as the proof says. `probe_every_ms` is the time between two probes of a pair of pods, `late_ms`
    the longest time for which the recorder did not look.
    """

    plan: str
    seed: int
    nodes: int
    kept: tuple[SampledKind, ...]
    left_out: tuple[str, ...]
    there: str = ""
    back: str = ""
    steps: tuple[StepMeasure, ...] = ()
    safe: Count = Count()
    exposed: Count = Count()
    flows: int = 0
    probe_every_ms: int = 0
    late_ms: int = 0
    contradictions: tuple[str, ...] = ()
    longer: tuple[str, ...] = ()
    """Where exposed pairs were without a route for longer than was ever measured: no proof speaks of that."""

    @property
    def seen_ms(self) -> int:
        """How long a route must be away to be told from BIRD's own delete and add, and from a busy machine."""
        return max(5, self.late_ms)

    @property
    def good(self) -> bool:
        """The plan went there and back as proved."""
        return not self.contradictions and self.there == "done" and self.back == "undone"


_ADAPTER: TypeAdapter[Rehearsal] = TypeAdapter(Rehearsal)


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """As a JSON value, with its own digest."""
    body = {"format_version": FORMAT_VERSION, "kind": "Rehearsal", **_ADAPTER.dump_python(rehearsal, mode="json")}
    return {**body, "digest": digest(body)}


def read_rehearsal(document: object, name: str, plan: str) -> Rehearsal:
    """What a plan file has beside the plan of that digest; raises FileFormatError or DigestMismatch."""
    body = dict(document) if isinstance(document, dict) else {}
    stated = body.pop("digest", None)
    if stated != digest(body) or body.get("plan") != plan:
        raise DigestMismatch.one(
            "the rehearsal in the file was changed, or is that of another plan",
            file=name,
            hint="rehearse the plan again, or remove the key `rehearsal`",
        )
    try:
        return _ADAPTER.validate_python({key: body[key] for key in body.keys() - {"format_version", "kind"}})
    except ValidationError as error:
        raise FileFormatError.one(
            f"the rehearsal in the file is incomplete: {str(error).splitlines()[0]}",
            file=name,
            hint="rehearse the plan again",
        ) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rehearsal."""
    schema = _ADAPTER.json_schema(mode="serialization")
    head = {
        "format_version": {"type": "string", "pattern": "^1\\."},
        "kind": {"const": "Rehearsal"},
        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    }
    schema["properties"] = {**head, **schema["properties"]}
    schema["required"] = sorted({*head, *schema["required"]})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/rehearsal.schema.json",
        **schema,
    }
