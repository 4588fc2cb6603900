"""What `import rrplan` offers."""

import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest

import rrplan
from rrplan import api, errors

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_example(tmp_path: Path) -> None:
    """The program in docs/api.md runs as it stands there."""
    (program,) = re.findall(r"^```python\n(.*?)^```$", EXAMPLE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "example.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RunStarted\n")
    assert done.stdout.endswith("RunFinished\n")


def test_every_error() -> None:
    """Whoever calls rrplan can catch each of its errors by name."""
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.RRPlanError)]
    assert {kind.__name__ for kind in kinds} <= set(api.__all__)


@pytest.mark.parametrize("verb", [name for name in api.__all__ if name.islower()])
def test_types_of_verbs(verb: str) -> None:
    """The types of ours that a verb takes and gives have names here too."""
    hints = typing.get_type_hints(getattr(api, verb))
    named = {part for hint in hints.values() for part in (hint, *typing.get_args(hint)) if isinstance(part, type)}
    ours = {part.__name__ for part in named if part.__module__.startswith("rrplan.")}
    assert ours <= set(api.__all__)


def test_names() -> None:
    """The package has what `rrplan.api` lists, and says so of a name that it has not."""
    assert rrplan.__all__ == api.__all__
    assert dir(rrplan) == sorted(api.__all__)
    assert rrplan.plan is api.plan
    with pytest.raises(AttributeError, match="module 'rrplan' has no attribute 'plans_of_old'"):
        rrplan.plans_of_old  # noqa: B018
