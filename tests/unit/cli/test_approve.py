"""`rrplan approve`, `rrplan apply --require-approvals` and `rrplan diff`, as their users meet them."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from rrplan.plans.approval import PAYLOAD_TYPE
from tests.support import SPEC
from tests.unit.cli.test_words import rrplan

APPLY = ("apply", "plan.json", "--sandbox", "c", "--auto-approve")
TRUSTED = ("--trusted-keys", "trusted")


def _write_key(path: Path, passphrase: str = "") -> Ed25519PublicKey:
    key = Ed25519PrivateKey.generate()
    how = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, how))
    return key.public_key()


def _line(key: Ed25519PublicKey, name: str) -> str:
    return f"{key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} {name}\n"


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster, a plan, and keys of three people, two of which are trusted."""
    place = tmp_path_factory.mktemp("approve")
    (place / "spec.yaml").write_text(SPEC)
    for words in ("sandbox c --nodes 8", "plan spec.yaml --sandbox c --out plan.json"):
        assert rrplan(place, *words.split()).returncode == 0
    keys = {name: _write_key(place / name) for name in ("ada", "ben", "eve")}
    (place / "trusted").write_text("# the board\n" + _line(keys["ada"], "Ada L.") + _line(keys["ben"], "ben"))
    return place


@pytest.fixture
def place(planned: Path, tmp_path: Path) -> Path:
    """The same in a directory of its own."""
    shutil.copytree(planned, tmp_path / "p")
    return tmp_path / "p"


def approve(place: Path, name: str) -> None:
    done = rrplan(place, "approve", "plan.json", "--key", name, "--as", name)
    assert done.returncode == 0, done.stderr


def test_two_people(place: Path) -> None:
    """Refused until both have approved; then carried out, with their names as the trusted keys have them."""
    demand = (*APPLY, "--require-approvals", "2", *TRUSTED)
    approve(place, "ada")
    refused = rrplan(place, *demand)
    assert refused.returncode == 7
    assert refused.stderr == (
        "error: this plan needs approvals by 2 different people, and only Ada L. approved it\n\n"
        "hint: `rrplan approve PLAN --key KEY` makes one; `--approval FILE` names those that are not beside the plan\n"
    )
    # The same person twice is one person.
    assert rrplan(place, "approve", "plan.json", "--key", "ada", "--as", "ada2").returncode == 0
    assert rrplan(place, *demand).returncode == 7
    approve(place, "ben")
    done = rrplan(place, *demand)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("approved by Ada L., ben\n")
    (run,) = json.loads(rrplan(place, "runs", "--sandbox", "c", "-o", "json").stdout)["runs"]
    told = rrplan(place, "runs", run["run"], "--sandbox", "c").stdout
    assert "run starts: approved by Ada L., ben\n" in told


def test_what_approve_says(place: Path) -> None:
    """Which plan, as whom, with which key, where to; a signature that OpenSSH's fingerprint names."""
    digest = json.loads((place / "plan.json").read_text())["digest"]
    done = rrplan(place, "approve", "plan.json", "--key", "ada", "--as", "Ada L.")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"approved plan {digest} as Ada L. with key SHA256:")
    assert second == "wrote plan.json.Ada-L-.approval.json"
    if shutil.which("ssh-keygen"):
        key = _line(_public(place / "ada"), "x")
        (place / "ada.pub").write_text(key)
        words = ["ssh-keygen", "-lf", str(place / "ada.pub")]
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert first.rpartition(" ")[2] in shown


def _public(path: Path) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    key = load_ssh_private_key(path.read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return key.public_key()


def _changed(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(envelope: dict[str, Any]) -> None:
        statement = json.loads(base64.b64decode(envelope["payload"]))
        statement[name] = value
        envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()

    return change


def _swapped(envelope: dict[str, Any]) -> None:
    envelope["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()


@pytest.mark.parametrize("change", [_changed("plan", "sha256:0"), _changed("at", "2026-01-01T00:00:00Z"), _swapped])
def test_approval_that_was_changed(place: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Whatever is changed in it, the signature does not fit any more."""
    approve(place, "ada")
    file = place / "plan.json.ada.approval.json"
    envelope = json.loads(file.read_text())
    change(envelope)
    file.write_text(json.dumps(envelope))
    done = rrplan(place, *APPLY, "--require-approvals", "1", *TRUSTED)
    assert done.returncode == 7
    why = "the signature of Ada L. does not fit: the approval was changed, or made with another key"
    assert f"plan.json.ada.approval.json: {why}" in done.stderr


def test_key_that_is_not_trusted(place: Path) -> None:
    """Anybody can sign; only the keys that the operator names count."""
    approve(place, "eve")
    done = rrplan(place, *APPLY, "--require-approvals", "1", *TRUSTED)
    assert done.returncode == 7
    assert "plan.json.eve.approval.json: key SHA256:" in done.stderr
    assert " is not trusted\n" in done.stderr


def test_another_plan(place: Path) -> None:
    """An approval of one plan is none of another."""
    approve(place, "ada")
    spec = SPEC.replace("drain: true", "drain: true\n  gates: {stable: 11s}")
    assert spec != SPEC
    (place / "spec.yaml").write_text(spec)
    assert rrplan(place, *["plan", "spec.yaml", "--sandbox", "c", "--out", "plan.json"]).returncode == 0
    done = rrplan(place, *APPLY, "--require-approvals", "1", *TRUSTED)
    assert done.returncode == 7
    assert "plan.json.ada.approval.json: Ada L. approved another plan (sha256:" in done.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "no approval of rrplan: it is not JSON"),
        ("[]", "no approval of rrplan: it is not a JSON object"),
        ("{}", f"no approval of rrplan: payloadType is `None`, and an approval has `{PAYLOAD_TYPE}`"),
        (json.dumps({"payloadType": PAYLOAD_TYPE, "payload": "?"}), "no approval of rrplan: payload is not base64"),
        (
            json.dumps({"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(b"{}").decode()}),
            "no approval of rrplan: it holds `None` of format version None",
        ),
    ],
)
def test_file_that_is_no_approval(place: Path, text: str, why: str) -> None:
    """Told in words, with the file."""
    (place / "x").write_text(text)
    done = rrplan(place, *APPLY, "--require-approvals", "1", *TRUSTED, "--approval", "x")
    assert done.returncode == 1
    assert f"x: {why}\n" in done.stderr
    assert "hint: `rrplan approve PLAN --key KEY` makes one" in done.stderr


def test_spec_that_asks(place: Path) -> None:
    """What the policy asks for holds without a word on the command line, and the age of approvals too."""
    (place / "spec.yaml").write_text(SPEC + "  policy: {approvals: {required: 1, maximumAge: 1h}}\n")
    assert rrplan(place, *["plan", "spec.yaml", "--sandbox", "c", "--out", "plan.json"]).returncode == 0
    nobody = rrplan(place, *APPLY)
    assert nobody.returncode == 7
    assert "the spec asks for an approval, and nobody said whose counts" in nobody.stderr
    at_once = rrplan(place, "apply", "spec.yaml", "--sandbox", "c", "--auto-approve", *TRUSTED)
    assert at_once.returncode == 7
    assert "an approval of the plan is asked for, and this plan was made just now" in at_once.stderr
    approve(place, "ben")
    done = rrplan(place, *APPLY, *TRUSTED)
    assert done.returncode == 0, done.stderr


def test_words_that_do_not_fit(place: Path) -> None:
    """Keys and files that cannot be used, told in words."""
    (place / "rsa").write_bytes(
        generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    (place / "pub").write_text(_line(_public(place / "ada"), "ada"))
    (place / "bad").write_text("ssh-rsa AAAA x\nssh-ed25519 AAAA\nssh-ed25519 AAAA x\n")
    (place / "none").write_text("# nobody\n")
    for words, text in (
        ((*APPLY, *TRUSTED), "`--trusted-keys` is of no use here\n\nhint: give `--require-approvals N` too"),
        (("approve", "plan.json", "--key", "rsa"), "rsa is a key of another kind than Ed25519\n\nhint: `ssh-keygen"),
        (("approve", "plan.json", "--key", "pub"), "pub is a public key\n\nhint: give the private one, without `.pub`"),
        (
            ("approve", "plan.json", "--key", "spec.yaml"),
            "spec.yaml is no private key that can be read, or the passphrase",
        ),
        (("approve", "plan.json", "--key", "nowhere"), "cannot read nowhere: No such file or directory"),
        (
            ("approve", "spec.yaml", "--key", "ada"),
            "spec.yaml is no plan file\n\nhint: `rrplan plan SPEC --out plan.json`",
        ),
    ):
        done = rrplan(place, *words)
        assert done.returncode in (1, 64)
        assert done.stderr.startswith(f"error: {text}")
    wrong = rrplan(place, *APPLY, "--require-approvals", "1", "--trusted-keys", "bad").stderr
    assert "error: bad:1:1: `ssh-rsa` is no kind of key that is known here\n" in wrong
    assert "bad:2:1: the name of whose key it is is missing\n" in wrong
    assert "bad:3:1: the key cannot be read\n" in wrong
    _write_key(place / "locked", "secret")
    locked = rrplan(place, "approve", "plan.json", "--key", "locked").stderr
    assert "error: locked is encrypted, and nobody is there to give its passphrase\n" in locked
    empty = rrplan(place, *APPLY, "--require-approvals", "1", "--trusted-keys", "none").stderr
    assert "there is no key in it\n" in empty
    (place / "twice").write_text((place / "pub").read_text() + _line(_public(place / "ada"), "other"))
    twice = rrplan(place, *APPLY, "--require-approvals", "1", "--trusted-keys", "twice").stderr
    assert "twice:2:1: the key of other is already that of ada\n" in twice


def test_other_file_is_not_overwritten(place: Path) -> None:
    """An approval takes the place of an older one, and of nothing else."""
    done = rrplan(place, "approve", "plan.json", "--key", "ada", "--out", "spec.yaml")
    assert done.returncode == 64
    assert "spec.yaml is there and is no approval with this key: it is not overwritten" in done.stderr


def test_two_people_of_one_login(place: Path) -> None:
    """Whoever approves as somebody else did takes nothing away: the other approval stays."""
    assert rrplan(place, "approve", "plan.json", "--key", "ada", "--as", "root").returncode == 0
    before = (place / "plan.json.root.approval.json").read_text()
    done = rrplan(place, "approve", "plan.json", "--key", "ben", "--as", "root")
    assert done.returncode == 64
    assert "plan.json.root.approval.json is there and is no approval with this key" in done.stderr
    assert (place / "plan.json.root.approval.json").read_text() == before
    assert rrplan(place, "approve", "plan.json", "--key", "ada", "--as", "root").returncode == 0


def test_login_that_the_machine_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user ID without a name, as containers have it, is a name too."""

    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 65000")

    monkeypatch.setattr("getpass.getuser", unknown)
    from rrplan.adapters.local.login import login

    assert login() == f"uid-{os.getuid()}"


def _trusted(place: Path, text: str) -> tuple[tuple[str, ...], str]:
    """The names in a file of trusted keys, or what is wrong with it."""
    from rrplan.adapters.local.keys import TrustedKeysError, load_trusted

    (place / "keys").write_text(text, newline="")
    (place / "keys").chmod(0o644)
    try:
        return tuple(key.name for key in load_trusted(place / "keys").trusted), ""
    except TrustedKeysError as error:
        return (), str(error)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x85", "\r"])
def test_no_key_hides_in_a_comment(place: Path, mark: str) -> None:
    """Only a line feed ends a line of trusted keys; what else looks like one in some editors does not."""
    ada, eve = (_public(place / name) for name in ("ada", "eve"))
    names, _ = _trusted(place, f"# our keys{mark}{_line(eve, 'eve')}{_line(ada, 'ada')}")
    assert names == ("ada",)


def test_names_of_trusted_keys(place: Path) -> None:
    """A byte order mark and the line ends of Windows are nothing; a character that nobody sees is refused."""
    ada, eve = (_public(place / name) for name in ("ada", "eve"))
    assert _trusted(place, "\ufeff" + _line(ada, "Ada L.\r") + _line(eve, "eve").rstrip()) == (("Ada L.", "eve"), "")
    _, why = _trusted(place, _line(ada, "ada") + _line(eve, "ada\u200b"))
    assert r"keys:2:1: the name `ada\u200b` has characters that nobody sees" in why


def test_keys_that_everybody_may_write(place: Path) -> None:
    """Whose approvals count is not for every user of the machine to say."""
    approve(place, "ada")
    (place / "trusted").chmod(0o666)
    done = rrplan(place, *APPLY, "--require-approvals", "1", *TRUSTED)
    assert done.returncode == 1
    assert "error: trusted: every user of this machine may add keys to it\n  hint: `chmod o-w trusted`" in done.stderr


def test_one_person_with_two_keys(place: Path) -> None:
    """Names that differ in case or form alone are one person."""
    from rrplan.adapters.local.keys import load_trusted
    from rrplan.errors import PolicyRefusal
    from rrplan.plans.approval import Demand, check_approved, read_approval

    for name in ("ada", "eve"):
        approve(place, name)
    (place / "trusted").write_text(_line(_public(place / "ada"), "Ada L.") + _line(_public(place / "eve"), "ADA  l."))
    files = [place / f"plan.json.{name}.approval.json" for name in ("ada", "eve")]
    approvals = [read_approval(file.read_bytes(), file.name) for file in files]
    keys = load_trusted(place / "trusted")
    first, now = approvals[0].statement, datetime.now(UTC)
    assert first.cluster
    rest = (approvals, keys.trusted, keys.verify)
    assert check_approved(first.plan, first.cluster, *rest, Demand(1), now) == ("Ada L.",)
    with pytest.raises(PolicyRefusal, match=r"by 2 different people, and only Ada L\. approved it"):
        check_approved(first.plan, first.cluster, *rest, Demand(2), now)


def test_signatures_in_one_envelope(place: Path) -> None:
    """Of several signatures each right one counts, wherever it stands; both alphabets of base64 are read (DSSE)."""
    for name in ("ada", "ben"):
        approve(place, name)
    ada = json.loads((place / "plan.json.ada.approval.json").read_text())
    (good,) = ada["signatures"]
    (place / "plan.json.ben.approval.json").unlink()
    bad = {**good, "sig": "AAAA"}
    far = {"keyid": "SHA256:" + "x" * 3000, "sig": "AAAA"}
    sig = base64.urlsafe_b64encode(base64.b64decode(good["sig"])).decode()
    for signatures in ([bad, good], [good, bad], [far, {**good, "sig": sig}]):
        from rrplan.adapters.local.keys import load_trusted
        from rrplan.plans.approval import Demand, check_approved, read_approval

        keys = load_trusted(place / "trusted")
        approval = read_approval(json.dumps({**ada, "signatures": signatures}).encode(), "a.json")
        first = approval.statement
        demand, now = Demand(1), datetime.now(UTC)
        names = check_approved(first.plan, first.cluster, [approval], keys.trusted, keys.verify, demand, now)
        assert names == ("Ada L.",)
    (place / "x").write_text(json.dumps({**ada, "signatures": [far]}))
    (place / "plan.json.ada.approval.json").unlink()
    done = rrplan(place, *APPLY, "--require-approvals", "1", *TRUSTED, "--approval", "x")
    assert done.returncode == 7
    assert len(done.stderr) < 1000


def test_plan_that_is_bound_to_no_cluster(place: Path) -> None:
    """What was approved for one cluster would count on any, so it counts on none."""
    listed = rrplan(place, "snapshot", "--sandbox", "c").stdout
    body = json.loads(listed)
    kinds = ("ClusterInformation", "Namespace")
    body["resources"] = [each for each in body["resources"] if each["kind"] not in kinds]
    items = [{"apiVersion": each.get("apiVersion", "v1"), **each} for each in body["resources"]]
    (place / "all.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    words = ("plan", "spec.yaml", "-f", "all.json", "--calico-version", "v3.30.4", "--out", "free.json")
    assert rrplan(place, *words).returncode == 0
    done = rrplan(place, "approve", "free.json", "--key", "ada", "--as", "ada")
    assert done.returncode == 0, done.stderr
    assert "notice: the plan is bound to no cluster, so `rrplan apply` will not count an approval of it" in done.stderr
    refused = rrplan(place, *("apply", "free.json", *APPLY[2:], "--require-approvals", "1", *TRUSTED))
    assert refused.returncode == 7
    assert "error: the plan is bound to no cluster: what was approved for one would count on any\n" in refused.stderr


def test_ages() -> None:
    """An approval from the future, or too old, does not count; clocks may differ by minutes."""
    from rrplan.errors import PolicyRefusal
    from rrplan.plans.approval import Approval, Demand, Statement, TrustedKey, check_approved

    now = datetime(2026, 6, 1, 12, tzinfo=UTC)

    def checked(at: datetime, cluster: str = "guid", maximum_age: int = 3600) -> tuple[str, ...]:
        statement = Statement("sha256:1", "guid", "x", at)
        approval = Approval(statement, statement.payload(), [("k", b"s")], "a.json")
        demand = Demand(1, maximum_age)
        trusted = [TrustedKey("ada", "k")]
        return check_approved("sha256:1", cluster, [approval], trusted, lambda *_: True, demand, now)

    assert checked(now - timedelta(minutes=59)) == ("ada",)
    assert checked(now + timedelta(minutes=4)) == ("ada",)
    assert checked(now - timedelta(days=400), maximum_age=0) == ("ada",)
    with pytest.raises(PolicyRefusal, match=r"ada approved it 2 h ago, and 60 min is the most that is accepted"):
        checked(now - timedelta(hours=2))
    with pytest.raises(
        PolicyRefusal, match=r"ada approved it in the future \(2026-06-01 13:00 UTC\): compare the clocks"
    ):
        checked(now + timedelta(hours=1))
    with pytest.raises(PolicyRefusal, match=r"ada approved it for another cluster \(guid\)"):
        checked(now, cluster="other")


def test_diff(place: Path) -> None:
    """A stale plan beside a new one: which field of what changed, and what comes of it."""
    (place / "plan.json").rename(place / "old.json")
    same = rrplan(place, "diff", "old.json", "old.json")
    assert (same.returncode, same.stdout) == (0, "The plans are the same.\n")
    (place / "spec.yaml").write_text(SPEC.replace("drain: true", "drain: false\n  policy: {exposure: {brief: 25s}}"))
    made = rrplan(place, *["plan", "spec.yaml", "--sandbox", "c", "--out", "new.json"])
    assert made.returncode == 0, made.stderr
    shown = rrplan(place, "diff", "old.json", "new.json")
    assert shown.returncode == 2
    assert "Spec:\n\n  - spec.drain" in shown.stdout
    assert "  - `drain/rr-1` is gone: cordon and drain node rr-1\n" in shown.stdout
    body = json.loads(rrplan(place, "diff", "old.json", "new.json", "-o", "json").stdout)
    assert (body["kind"], body["same"]) == ("PlanDifference", False)
    assert "Steps" in body["parts"]
    nothing = rrplan(place, "diff", "old.json", "spec.yaml")
    assert nothing.returncode == 64
    assert nothing.stderr.startswith("error: spec.yaml is no plan file\n")


def _edited(place: Path, name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    """A plan file that differs in one place, with a digest that fits."""
    from rrplan.digest import digest

    body = json.loads((place / "plan.json").read_text())
    del body["digest"]
    edit(body)
    (place / name).write_text(json.dumps({**body, "digest": digest(body)}))


def _longer(body: dict[str, Any]) -> None:
    for proof in body["proof"]["steps"]:
        for exposure in proof["exposures"]:
            exposure["seconds"] += 40


def _other_fingerprint(body: dict[str, Any]) -> None:
    body["fingerprints"]["Node/rr-1"] = "sha256:0"


def _no_edge(body: dict[str, Any]) -> None:
    del body["edges"][0]


def _unordered(body: dict[str, Any]) -> None:
    body["steps"][0]["unordered"] = not body["steps"][0]["unordered"]


def _other_format(body: dict[str, Any]) -> None:
    body["format_version"] = "2.3"


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (_longer, "`promote/rr-1` exposes pairs for up to 22 s -> 62 s"),
        (_other_fingerprint, "Node/rr-1: is not what it was"),
        (_no_edge, " no longer waits for `"),
        (_unordered, "steps[0].unordered: "),
        (_other_format, "an approval of one is none of the other"),
    ],
)
def test_plans_that_differ_somewhere_are_not_the_same(
    place: Path, edit: Callable[[dict[str, Any]], None], line: str
) -> None:
    """Only plans with one digest are the same: how long pairs are exposed, what waits for what, every other place."""
    _edited(place, "other.json", edit)
    done = rrplan(place, "diff", "plan.json", "other.json")
    assert done.returncode == 2, done.stdout + done.stderr
    assert line in " ".join(done.stdout.split())
