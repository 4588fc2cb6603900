"""From a case to a verdict: the plan that rrplan makes, and what the walker finds in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from rrplan import api
from rrplan.errors import RRPlanError, UnsafePlanError
from rrplan.resources import CalicoVersion
from rrplan.snapshots.snapshot import Snapshot, state_of
from rrplan.specs import load
from tests.walker.draws import Case
from tests.walker.walk import Count, Failure, walk

CALICO = CalicoVersion(3, 30, 7)


@dataclass(frozen=True)
class Finding:
    """A case whose plan is called safe, and what the walker has against it."""

    case: Case
    failures: tuple[Failure, ...]

    def text(self) -> str:
        """For people."""
        lines = [f"{self.case.about}: {len(self.failures)} failures", *(f"  {one}" for one in self.failures[:6])]
        return "\n".join(lines)

    def write(self, directory: Path) -> None:
        """The case as files that `rrplan plan -f cluster.yaml spec.yaml` reads."""
        directory.mkdir(parents=True, exist_ok=True)
        cluster = yaml.safe_dump_all(self.case.cluster, sort_keys=False)
        (directory / "cluster.yaml").write_text(cluster)
        (directory / "spec.yaml").write_text(yaml.safe_dump(dict(self.case.spec), sort_keys=False))
        (directory / "findings.txt").write_text(self.text() + "\n")


@dataclass
class Tally:
    """What became of many cases."""

    cases: int = 0
    unsafe: int = 0
    refused: int = 0
    idle: int = 0
    walked: int = 0
    count: Count = field(default_factory=Count)
    features: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def judge(self, case: Case, *, seed: int = 0) -> Finding | None:
        """Plan one case and walk the plan, if there is one with steps."""
        self.cases += 1
        snapshot = Snapshot(state_of(case.cluster))
        wanted = load(yaml.safe_dump(dict(case.spec)).encode(), "spec.yaml")
        try:
            plan = api.plan(wanted, snapshot, version=CALICO)
        except UnsafePlanError:
            self.unsafe += 1
            return None
        except RRPlanError:
            self.refused += 1
            return None
        if not plan.steps:
            self.idle += 1
            return None
        self.walked += 1
        walked = walk(case.cluster, case.spec, plan, seed=seed)
        self.count.add(walked.count)
        self.features.update(walked.features)
        if not walked.failures:
            return None
        finding = Finding(case, tuple(walked.failures))
        self.findings.append(finding)
        return finding

    def text(self) -> str:
        """For people."""
        features = ", ".join(f"{name} {number}" for name, number in sorted(self.features.items()))
        return (
            f"{self.cases} cases: {self.unsafe} unsafe, {self.refused} refused otherwise, {self.idle} without steps, "
            f"{self.walked} called safe and walked ({self.count.states} states, {self.count.worlds} worlds, "
            f"{self.count.subsets} mixtures); {len(self.findings)} with findings\n  {features}"
        )
