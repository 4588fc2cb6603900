"""Runs in the cluster itself: plan and journal as ConfigMaps, so that any machine with a kubeconfig can go on.

A plan is compressed and cut into chunks; it carries its own digest. Journal lines are chained to it and lie in
ConfigMaps of CHUNK_LINES each; each write names the version it follows, so that two processes cannot both write.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.lease import NAMESPACE
from rrplan.adapters.kubernetes.server import ApiServer
from rrplan.adapters.local.heads import Head, read_head
from rrplan.adapters.local.runs import with_last_word
from rrplan.errors import (
    DatastoreConflict,
    DatastoreError,
    DatastoreTimeout,
    DatastoreUnreachable,
    FileFormatError,
    JournalError,
    JournalUnwritable,
    Problem,
    RRPlanError,
)
from rrplan.ports import Clock, KeptRun
from rrplan.retry import Patience, retry

CHUNK_BYTES = 700_000
"""Of compressed plan in one ConfigMap; the API server takes 1 MiB of data, counted before base64."""
PLAN_BYTES = 512 * 1024 * 1024
"""Of a plan, unpacked: more than a cluster of 100,000 nodes needs, and no more than a machine has."""
CHUNK_LINES = 100
"""Of a journal in one ConfigMap: every write is answered with all of it."""
GIVE_UP_SECONDS = 300
RETRY_SECONDS = 2
LABEL = "rrplan.io/run"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""For lists without plans, which may be large; API servers before 1.15 send everything."""
HEAD = "rrplan.io/head"
_MAPS = collection("ConfigMap", NAMESPACE)


class ClusterLog:
    """Implements the port Log: lines are sent with the next one that must stay.

    How far it was written stands in an annotation of the run's plan, so that a ConfigMap that is missing shows.
    """

    def __init__(self, server: ApiServer, clock: Clock, run: str) -> None:
        self._server = server
        self._clock = clock
        self._run = run
        self.place = f"the journal of run {run}"
        self._unsent: list[bytes] = []
        self._chunk = 0
        self._kept = 0
        """Lines in the chunk that is written to."""
        self._version = ""
        self._head = Head()

    def lines(self) -> Sequence[bytes]:
        """All lines that stayed; from here on the log goes on after them.

        Raises JournalError where fewer are there than were written.
        """
        lines: list[bytes] = []
        self._chunk, self._kept, self._version = 0, 0, ""
        for number in count():
            document = self._server.get(f"{_MAPS}/{self._name(number)}")
            if document is None:
                break
            data: dict[str, str] = document.get("data") or {}
            lines += [data[key].encode() for key in sorted(data)]
            self._chunk, self._kept = number, len(data)
            self._version = str(document["metadata"]["resourceVersion"])
        self._checked(lines)
        self._head = Head(len(lines))
        return lines

    def _checked(self, lines: Sequence[bytes]) -> None:
        run = self._server.get(f"{_MAPS}/{_plan_name(self._run, 0)}")
        about = _about(run["metadata"]) if run is not None else {}
        if about.get("head"):
            assert run is not None
            text = (run["metadata"].get("annotations") or {}).get(HEAD, "")
            read_head(text, self.place).check(lines, self.place)

    def append(self, line: bytes, *, durable: bool) -> None:
        """Add a line; raises JournalUnwritable where the server stays away, JournalError where somebody else writes."""
        self._unsent.append(line.rstrip(b"\n"))
        if durable:
            self._send()

    def close(self) -> None:
        """Drop what was not sent.

        A run ends with a durable line. After an error nobody waits for a server that is away, and resuming reads back
        what was not recorded.
        """
        self._unsent = []

    def _send(self) -> None:
        while self._unsent:
            if self._kept >= CHUNK_LINES:
                self._chunk, self._kept, self._version = self._chunk + 1, 0, ""
            part = self._unsent[: CHUNK_LINES - self._kept]
            data = {f"{self._kept + index:06}": line.decode() for index, line in enumerate(part)}
            self._version = self._written(data)
            self._kept += len(part)
            self._unsent = self._unsent[len(part) :]
            for line in part:
                self._head = self._head.after(line)
        # A head that lags says less and nothing wrong, so nobody waits for a server that is away.
        with suppress(DatastoreError):
            annotations = {HEAD: self._head.text()}
            self._server.patch(f"{_MAPS}/{_plan_name(self._run, 0)}", {"metadata": {"annotations": annotations}})

    def _written(self, data: dict[str, str]) -> str:
        """Write, or find it written after a reply was lost; the version that follows."""
        doubtful = False

        def write() -> str:
            """Once a try got no answer, or a conflict, our lines may be there."""
            nonlocal doubtful
            try:
                return (self._found(data) if doubtful else "") or self._sent(data)
            except DatastoreConflict:
                if doubtful:
                    raise
                doubtful = True
                return write()
            except DatastoreTimeout:
                doubtful = True
                raise

        patience = Patience(self._clock, GIVE_UP_SECONDS, RETRY_SECONDS, RETRY_SECONDS)
        try:
            return retry(write, (DatastoreUnreachable, DatastoreTimeout), patience)
        except DatastoreConflict as error:
            raise JournalError(
                f"{self.place} was written by somebody else in the meantime",
                hint="another process took this run over; `rrplan runs` shows where it is",
            ) from error
        except DatastoreError as error:
            raise JournalUnwritable(
                f"cannot write {self.place}: {error}",
                hint="nothing is written to the cluster without the journal; `rrplan resume` goes on",
            ) from error

    def _sent(self, data: dict[str, str]) -> str:
        name = self._name(self._chunk)
        if not self._version:
            document = self._server.create(_MAPS, _map(name, self._run, "journal", {"data": data}))
        else:
            document = self._server.patch(
                f"{_MAPS}/{name}", {"metadata": {"resourceVersion": self._version}, "data": data}
            )
        return str(document["metadata"]["resourceVersion"])

    def _found(self, data: dict[str, str]) -> str:
        """The version of the chunk if our lines are its last ones; "" if they are not there."""
        document = self._server.get(f"{_MAPS}/{self._name(self._chunk)}")
        if document is None:
            return ""
        kept: dict[str, str] = document.get("data") or {}
        ours = all(kept.get(key) == line for key, line in data.items()) and max(kept) == max(data)
        return str(document["metadata"]["resourceVersion"]) if ours else ""

    def _name(self, number: int) -> str:
        return f"rrplan-{self._run}-journal-{number}"


class ClusterRuns:
    """Implements the port RunStore on a live cluster."""

    def __init__(self, server: ApiServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    def begin(self, run: KeptRun, plan: bytes) -> None:
        """Number the run and keep the plan; its first chunk is written last, so that a run is known only as a whole."""
        data = zlib.compress(plan, 9)
        chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
        follows = max((known.number for known in self._known()), default=0)
        about = {"plan": run.plan, "who": run.who, "since": run.since, "number": str(follows + 1)}
        about |= {"chunks": str(len(chunks)), "head": "kept"}
        for number in reversed(range(len(chunks))):
            content = {"binaryData": {"plan": base64.b64encode(chunks[number]).decode()}}
            body = _map(_plan_name(run.run, number), run.run, "plan", content)
            body["metadata"]["annotations"] = {"rrplan.io/about": json.dumps(about), HEAD: Head().text()}
            self._keep(body)

    def _keep(self, body: dict[str, Any]) -> None:
        try:
            self._server.create(_MAPS, body)
        except DatastoreTimeout:
            if self._server.get(f"{_MAPS}/{body['metadata']['name']}") is None:
                raise

    def plan(self, run: str) -> bytes:
        """The plan file of a run; raises RRPlanError for one that is not known or not whole."""
        first = self._server.get(f"{_MAPS}/{_plan_name(run, 0)}")
        if first is None:
            raise RRPlanError(f"run `{run}` is not known in this cluster", hint="`rrplan runs` lists them")
        chunks = _chunks(first["metadata"])
        parts = [first, *(self._server.get(f"{_MAPS}/{_plan_name(run, number)}") for number in range(1, chunks))]
        try:
            whole = b"".join(base64.b64decode(part["binaryData"]["plan"]) for part in parts if part is not None)
            unpacked = zlib.decompressobj()
            plan = unpacked.decompress(whole, PLAN_BYTES)
            if not unpacked.eof:
                raise ValueError("cut off, or larger than any plan")
            return plan
        except (KeyError, ValueError, TypeError, zlib.error) as error:
            raise FileFormatError.one(
                f"the plan of run {run} is not whole", hint=f"its ConfigMaps in {NAMESPACE} were changed"
            ) from error

    def log(self, run: str) -> ClusterLog:
        """The journal of a run, in ConfigMaps."""
        return ClusterLog(self._server, self._clock, run)

    def runs(self) -> Sequence[KeptRun]:
        """All runs, oldest first."""
        return [with_last_word(run, self.log(run.run)) for run in self._known()]

    def _known(self) -> list[KeptRun]:
        """All runs, oldest first, without their last words.

        Those that have no number were first, in the order in which the server made them.
        """
        heads = self._server.listed(_MAPS, dict, accept=METADATA_LIST, labelSelector=f"{LABEL},rrplan.io/part=plan")
        known = []
        for metadata in (head["metadata"] for head in heads):
            run = str(metadata["labels"][LABEL])
            if metadata["name"] == _plan_name(run, 0):
                about = _about(metadata)
                number = int(about.get("number", "0"))
                kept = KeptRun(run, about.get("plan", ""), about.get("who", ""), about.get("since", ""), number=number)
                known.append((number, str(metadata.get("creationTimestamp") or ""), run, kept))
        return [kept for *_, kept in sorted(known)]


def _plan_name(run: str, number: int) -> str:
    return f"rrplan-{run}-plan-{number}"


def _chunks(metadata: dict[str, Any]) -> int:
    """In how many ConfigMaps a plan is kept; at least the one that says so."""
    text = _about(metadata).get("chunks", "1")
    return max(1, int(text)) if text.isdecimal() and len(text) < 4 else 1


def _about(metadata: dict[str, Any]) -> dict[str, str]:
    """What is kept about a run; raises FileFormatError where somebody damaged it."""
    try:
        about = json.loads((metadata.get("annotations") or {}).get("rrplan.io/about", "{}"))
        if isinstance(about, dict) and str(about.get("number", "0")).isdecimal():
            return {str(name): str(value) for name, value in about.items()}
    except (ValueError, RecursionError):
        pass
    problem = f"ConfigMap {NAMESPACE}/{metadata['name']} does not describe a run"
    raise FileFormatError([Problem(problem, hint="its annotation rrplan.io/about was changed; restore it from a copy")])


def _map(name: str, run: str, part: str, content: Mapping[str, object]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "rrplan", LABEL: run, "rrplan.io/part": part}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, **content}
