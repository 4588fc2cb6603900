"""The JSON Schemas are current, are schemas, and describe what rrplan really reads and writes."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from rrplan.cli.main import rrplan
from rrplan.render.schemas import KINDS
from tests.golden.__main__ import FILES
from tests.schemas import FOLDER, files

SCENARIOS = FOLDER.parent / "fixtures" / "scenarios"


def schema(kind: str) -> dict[str, object]:
    """A schema as it stands in the repository."""
    value: dict[str, object] = json.loads((FOLDER / f"{kind}.schema.json").read_text(encoding="utf-8"))
    return value


def run(*words: str) -> str:
    """What a verb prints on stdout."""
    result = CliRunner().invoke(rrplan, list(words), standalone_mode=False)
    assert result.exception is None, result.output
    return result.stdout


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_current(path: Path) -> None:
    """`make schemas` would change nothing."""
    assert path.read_text(encoding="utf-8") == files()[path]


@pytest.mark.parametrize("kind", KINDS)
def test_is_a_schema(kind: str) -> None:
    """Each follows JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("folder", sorted(SCENARIOS.iterdir()), ids=lambda path: path.name)
def test_specs_of_all_scenarios_fit(folder: Path) -> None:
    """What the loader accepts, the schema accepts too."""
    jsonschema.validate(yaml.safe_load((folder / "spec.yaml").read_text()), schema("spec"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "BGPTopologie"},
        {"spec": {"topology": "star", "groups": []}},
        {"spec": {"topology": "route-reflectors", "gruops": []}},
        {"extra": 1},
    ],
)
def test_wrong_specs_do_not_fit(wrong: dict[str, object]) -> None:
    """An editor underlines what the loader refuses."""
    good = yaml.safe_load((SCENARIOS / "way-back" / "spec.yaml").read_text())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, **wrong}, schema("spec"))


def test_what_is_written_fits(tmp_path: Path) -> None:
    """Snapshot, plan, session table, report and journal of one real run."""
    scenario = SCENARIOS / "waves-with-drained-reflectors"
    cluster, spec, plan = tmp_path / "cluster", str(scenario / "spec.yaml"), tmp_path / "plan.json"
    run("sandbox", str(cluster), "-f", str(scenario / "cluster.yaml"))
    jsonschema.validate(json.loads(run("snapshot", "--sandbox", str(cluster))), schema("snapshot"))
    jsonschema.validate(json.loads(run("sessions", "--sandbox", str(cluster), "-o", "json")), schema("sessions"))
    run("plan", spec, "--sandbox", str(cluster), "--out", str(plan))
    jsonschema.validate(json.loads(plan.read_bytes()), schema("plan"))
    report = run("apply", str(plan), "--sandbox", str(cluster), "--auto-approve", "-o", "json").splitlines()
    journal = next((cluster / "runs").glob("*/journal.jsonl")).read_text().splitlines()
    assert len(report) > 20
    assert len(journal) > 20
    for kind, lines in (("report", report), ("journal", journal)):
        check = jsonschema.Draft202012Validator(schema(kind))
        for line in lines:
            check.validate(json.loads(line))


def test_what_a_failing_run_reports_fits() -> None:
    """The agreed lines of a run that waits, fails and is taken back have the facts beside the sentences."""
    lines = [json.loads(line) for line in (FILES / "run.jsonl").read_text(encoding="utf-8").splitlines()]
    check = jsonschema.Draft202012Validator(schema("report"))
    for line in lines:
        check.validate(line)
    failed = next(line for line in lines if line["event"] == "StepFailed")
    assert failed["reason"].startswith("gate timed out after 120 s: ")
    assert failed["why"]["fact"] == "GateFailed"
    assert failed["why"]["lack"]["example"]["shortfall"] == "session"
    for field in ("reason", "why"):
        with pytest.raises(jsonschema.ValidationError):
            check.validate({name: value for name, value in failed.items() if name != field})
