"""`birdcl` in calico-node pods: one list of pods for a look, one command for a node.

A small shell script calls `birdcl` once for each question. Where a container has no shell, `birdcl` itself is called,
with a command for each question.
"""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rrplan.adapters.kubernetes.kinds import collection
from rrplan.adapters.kubernetes.server import EXEC_TRIES, ApiServer, Missing, NoOutput
from rrplan.adapters.nodes.birdcl import Question
from rrplan.errors import DatastoreRefused, DatastoreTimeout
from rrplan.ids import NodeName

T = TypeVar("T")
SOCKETS = {"ipv4": "/var/run/calico/bird.ctl", "ipv6": "/var/run/calico/bird6.ctl"}
"""Calico starts BIRD with these (node/filesystem/etc/service/available/bird*/run)."""
CONTAINER = "calico-node"
AGENT = {"labelSelector": "k8s-app=calico-node"}
FROM_CACHE = {"resourceVersion": "0"}
"""Lets a server answer from its memory, at most a moment late, where it would read every pod from etcd."""
MARK = "rrplan: answer "
"""Begins the line before each answer, which says its number, and the line after the last one."""
FAILED = "rrplan: birdcl failed"
"""Ends an answer where `birdcl` ended with an error."""
CLOSED = "Connection closed by server"
"""What `birdcl` says where BIRD went in the middle of an answer (client/client.c, BIRD 1.6)."""
READY = " ready.\n"
"""Ends the first line of BIRD's answers."""
_MARKED = re.compile(rf"^{MARK}(\d+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pod:
    """Where a calico-node runs."""

    namespace: str
    name: str


class PodCommands:
    """Implements Way for the calico-node pods of a cluster; safe to call from several threads.

    A pod that was replaced after the list was read is looked up again, once in a look for all of them. A node that did
    not answer is tried once in each later look, until it answers: gates look again anyway.
    """

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._pods: Mapping[NodeName, Pod] | None = None
        self._current = False
        """Whether the list was read in this look."""
        self._again = False
        """Whether it was read a second time."""
        self._shell = True
        self._away: set[NodeName] = set()
        """Nodes that did not answer when they were asked last."""

    def look(self, *, anew: bool) -> None:
        """Forget the pods of the last look or, without `anew`, ask for them again only where one is missing."""
        with self._lock:
            self._pods = None if anew else self._pods
            self._current = self._again = False

    def ask(self, node: NodeName, questions: Sequence[Question]) -> Sequence[str]:
        """What is said to each question; raises DatastoreRefused or DatastoreTimeout."""
        tries = 1 if node in self._away else EXEC_TRIES
        try:
            answers = self._answers(node, questions, tries)
        except DatastoreTimeout:
            self._away.add(node)
            raise
        self._away.discard(node)
        return answers

    def run(self, node: NodeName, command: Sequence[str]) -> str:
        """What a command in the calico-node container of a node prints; raises as `ask` does."""
        return self._in_pod(node, lambda pod: self._run(pod, command, EXEC_TRIES))

    def _answers(self, node: NodeName, questions: Sequence[Question], tries: int) -> Sequence[str]:
        return self._in_pod(node, lambda pod: self._asked(pod, questions, tries))

    def _in_pod(self, node: NodeName, ask: Callable[[Pod], T]) -> T:
        pod = self._pod(node)
        try:
            return ask(pod)
        except Missing as error:
            replaced = self._pod(node, gone=pod)
            if replaced == pod:
                raise DatastoreRefused(f"nothing can be run in the calico-node pod of node {node}: {error}") from error
            return ask(replaced)

    # --- where ---------------------------------------------------------------------------------

    def _pod(self, node: NodeName, gone: Pod | None = None) -> Pod:
        with self._lock:
            if self._pods is None:
                self._pods, self._current = self._listed(FROM_CACHE), True
            late = gone is None and node not in self._pods and not self._current
            if late or (gone is not None and self._pods.get(node) == gone and not self._again):
                self._pods, self._current, self._again = self._listed({}), True, True
            pod = self._pods.get(node)
        if pod is None:
            raise DatastoreRefused(f"node {node} has no calico-node pod")
        return pod

    def _listed(self, version: Mapping[str, str]) -> dict[NodeName, Pod]:
        rows = self._server.listed(collection("Pod"), _placed, **AGENT, **version)
        return {node: pod for node, pod in reversed(rows) if pod is not None}

    # --- what ----------------------------------------------------------------------------------

    def _asked(self, pod: Pod, questions: Sequence[Question], tries: int) -> Sequence[str]:
        if self._shell:
            answers = _apart(self._run(pod, ["sh", "-c", _script(questions)], tries), len(questions))
            if answers is not None:
                return answers
        answers = [_whole(self._run(pod, _birdcl(question), tries)) for question in questions]
        if any(READY in answer for answer in answers):
            # Containers are alike: what one does not have, the others are not asked for.
            self._shell = False
        return answers

    def _run(self, pod: Pod, command: Sequence[str], tries: int) -> str:
        return self._server.execute(pod.namespace, pod.name, CONTAINER, command, tries=tries)


def _placed(item: Mapping[str, object]) -> tuple[NodeName, Pod | None]:
    """The node of a pod, and the pod unless it ends."""
    metadata, spec = item["metadata"], item.get("spec")
    assert isinstance(metadata, Mapping)
    assert isinstance(spec, Mapping)
    ends = metadata.get("deletionTimestamp")
    pod = None if ends else Pod(str(metadata["namespace"]), str(metadata["name"]))
    return NodeName(str(spec.get("nodeName") or "")), pod


def _birdcl(question: Question) -> list[str]:
    return ["birdcl", "-s", SOCKETS[question.family], *question.words.split()]


def _script(questions: Sequence[Question]) -> str:
    """What `birdcl` complains of belongs to its answer, and two streams would lose their order on the way."""
    commands = [f"{shlex.join(_birdcl(question))} || echo '{FAILED}'; echo" for question in questions]
    lines = [f"echo '{MARK}{number}'; {command}" for number, command in enumerate([*commands, "exit"])]
    return f"{{ {'; '.join(lines)}; }} 2>&1"


def _apart(output: str, count: int) -> list[str] | None:
    """The answers in what a script printed; None where nothing ran it. Raises NoOutput for a part of them."""
    before, *parts = _MARKED.split(output)
    if not parts:
        return None
    if parts[::2] != [str(number) for number in range(count + 1)]:
        raise NoOutput(
            f"the output of `birdcl` in a pod broke off after {len(before) + len(''.join(parts))} characters"
        )
    return [_whole(answer) for answer in parts[1:-1:2]]


def _whole(answer: str) -> str:
    """An answer of BIRD, or a complaint of `birdcl` that there is none; raises NoOutput for a part of an answer."""
    said, failed, _ = answer.partition(FAILED)
    if READY in answer and (failed or CLOSED in answer):
        raise NoOutput("BIRD in a pod ended in the middle of an answer")
    return said
