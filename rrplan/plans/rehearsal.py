"""What a rehearsal measured, as a value that can be kept in the plan file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rrplan.digest import digest
from rrplan.errors import DigestMismatch, FileFormatError
from rrplan.ids import StepId

FORMAT_VERSION = "2.1"
MAJOR = FORMAT_VERSION.partition(".")[0]


class Verdict(StrEnum):
    """What follows from a rehearsal; the words stay as they are."""

    MATCHES = "matches the plan"
    CONTRADICTS = "contradicts the plan"
    INCONCLUSIVE = "inconclusive"
    """Nothing follows: the laboratory did not do what it should, or repetitions differ."""


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
class Subject:
    """What was rehearsed: digests of the plan, its spec and its snapshot, and what the sample of the cluster has.

    `sessions` counts BGP sessions in the starting state and at the end of the plan. `not_exercised` says in words what
    the plan has and the sample has not.
    """

    plan: str
    spec: str
    snapshot: str
    sessions: tuple[int, int] = (0, 0)
    families: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    not_exercised: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Repetition:
    """The same plan rehearsed with another seed."""

    seed: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One rehearsal of a plan, there and back.

    `there` and `back` are results of the two runs ("" where there was no way back to go). `owed` counts pairs while
    they are not exposed, `exposed` pairs while the proof says that they are. `probe_every_ms` is the time between two
    probes of a pair of pods, `late_ms` the longest time for which the recorder did not look.
    """

    subject: Subject
    seed: int
    nodes: int
    kept: tuple[SampledKind, ...]
    left_out: tuple[str, ...]
    """What is not as in the cluster, in words."""
    there: str = ""
    back: str = ""
    steps: tuple[StepMeasure, ...] = ()
    owed: Count = Count()
    exposed: Count = Count()
    flows: int = 0
    probe_every_ms: int = 0
    late_ms: int = 0
    contradictions: tuple[str, ...] = ()
    """Where it did not go as the plan says, in words: pair, step, seconds."""
    differences: tuple[str, ...] = ()
    """What is at the end, or after the way back, and is not what the plan declares."""
    unsettled: tuple[str, ...] = ()
    """Why nothing follows, in words."""
    transit: tuple[str, ...] = ()
    """Packets that were lost on their way through a node that is the next hop of routes of others."""
    longer: tuple[str, ...] = ()
    """Where exposed pairs were without a route for longer than was ever measured: no proof speaks of that."""
    others: tuple[Repetition, ...] = ()

    @property
    def seen_ms(self) -> int:
        """How long a route must be away to be told from BIRD's own delete and add, and from a busy machine."""
        return max(5, self.late_ms)

    @property
    def own_verdict(self) -> Verdict:
        """What follows from this repetition alone."""
        if self.contradictions or self.differences:
            return Verdict.CONTRADICTS
        return Verdict.INCONCLUSIVE if self.unsettled else Verdict.MATCHES

    @property
    def verdict(self) -> Verdict:
        """What follows from all repetitions: where two differ, nothing does."""
        verdicts = {self.own_verdict, *(other.verdict for other in self.others)}
        return verdicts.pop() if len(verdicts) == 1 else Verdict.INCONCLUSIVE


_ADAPTER: TypeAdapter[Rehearsal] = TypeAdapter(Rehearsal)


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """As a JSON value, with its own digest."""
    head = {"format_version": FORMAT_VERSION, "kind": "Rehearsal", "verdict": rehearsal.verdict.value}
    body = {**head, **_ADAPTER.dump_python(rehearsal, mode="json")}
    return {**body, "digest": digest(body)}


def read_rehearsal(document: object, name: str, plan: str) -> Rehearsal:
    """What a plan file has beside the plan of that digest; raises FileFormatError or DigestMismatch."""
    body = dict(document) if isinstance(document, dict) else {}
    stated = body.pop("digest", None)
    subject = body.get("subject")
    of_plan = subject.get("plan") if isinstance(subject, dict) else body.get("plan")
    if stated != digest(body) or of_plan != plan:
        raise DigestMismatch.one(
            "the rehearsal in the file was changed, or is that of another plan",
            file=name,
            hint="rehearse the plan again, or remove the key `rehearsal`",
        )
    version = body.get("format_version")
    if not isinstance(version, str) or version.partition(".")[0] != MAJOR:
        raise FileFormatError.one(
            f"the rehearsal in the file has format version {version}, and this is rrplan for {MAJOR}",
            file=name,
            hint="rehearse the plan again, or remove the key `rehearsal`",
        )
    try:
        rehearsal = _ADAPTER.validate_python({key: body[key] for key in body.keys() - _HEAD})
    except ValidationError as error:
        raise FileFormatError.one(
            f"the rehearsal in the file is incomplete: {str(error).splitlines()[0]}",
            file=name,
            hint="rehearse the plan again",
        ) from error
    if body.get("verdict") != rehearsal.verdict:
        raise FileFormatError.one(
            f"the rehearsal in the file says `{body.get('verdict')}`, and what it measured says `{rehearsal.verdict}`",
            file=name,
            hint="rehearse the plan again",
        )
    return rehearsal


_HEAD = {"format_version", "kind", "verdict"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rehearsal."""
    schema = _ADAPTER.json_schema(mode="serialization")
    head = {
        "format_version": {"type": "string", "pattern": f"^{MAJOR}\\."},
        "kind": {"const": "Rehearsal"},
        "verdict": {"enum": [*Verdict]},
        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    }
    schema["properties"] = {**head, **schema["properties"]}
    schema["required"] = sorted({*head, *schema["required"]})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://rrplan.io/schemas/rehearsal.schema.json",
        **schema,
    }
