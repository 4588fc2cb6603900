"""What BIRD reads behind `rr cluster id`."""

import shutil
import subprocess
from pathlib import Path

import pytest

from rrplan.bgp.cluster_ids import bird_reads
from tests.conftest import lacks
from tests.unit.bgp.test_refusals import CLUSTER_IDS

pytestmark = [pytest.mark.bird]

FILE = """\
router id 10.0.0.1;
protocol device {{}}
protocol bgp x {{ local as 64512; neighbor 10.0.0.2 as 64512; rr client; rr cluster id {}; }}
"""


@pytest.mark.parametrize("text", CLUSTER_IDS)
def test_cluster_id(text: str, tmp_path: Path) -> None:
    """`bird -p` takes what the model says that it takes."""
    if shutil.which("bird") is None:
        lacks("no BIRD; missing: bird 1.6 (apt-get install bird)")
    (tmp_path / "bird.cfg").write_text(FILE.format(text))
    done = subprocess.run(
        ["bird", "-p", "-c", str(tmp_path / "bird.cfg")], capture_output=True, check=False, timeout=60
    )
    assert bird_reads(text) is (done.returncode == 0), done.stderr
