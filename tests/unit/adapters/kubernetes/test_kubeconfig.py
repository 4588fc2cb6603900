"""Kubeconfigs: what is read of them and of the environment, and those that cannot be used, in words."""

from pathlib import Path

import pytest

from rrplan.adapters.kubernetes.kubeconfig import configuration, contexts
from rrplan.errors import PreflightError

GOOD = """\
apiVersion: v1
kind: Config
current-context: production
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: production, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
"""
WRONG = [
    ('server: "https://127.0.0.1:1"', "server: 1.5", "cannot be used: a part of it is not what it should be"),
    ("user: {token: t}", "user: [x]", "cannot be used: "),
    ("context: {cluster: c, user: u}", "context: [[x]]", "cannot be used: "),
    ("kind: Config", 'kind: "Config', "is no YAML: while parsing a block mapping"),
    ("kind: Config", "kind: " + "[" * 3000, "cannot be used: a part of it is not what it should be"),
]


@pytest.mark.parametrize(("part", "instead", "text"), WRONG, ids=[text[:25] for _, text, _ in WRONG])
def test_unusable(part: str, instead: str, text: str, tmp_path: Path) -> None:
    """What the official client stumbles over is said in words; completion finds no context."""
    file = tmp_path / "config"
    file.write_text(GOOD)
    assert configuration(str(file), None)[1] is None
    assert contexts(str(file)) == ["production"]
    file.write_text(GOOD.replace(part, instead))
    with pytest.raises(PreflightError, match="preflight: the kubeconfig") as refusal:
        configuration(str(file), "production")
    assert text in str(refusal.value)
    assert refusal.value.hint
    assert contexts(str(file)) in ([], ["production"])


def test_the_proxy_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are fresh at each request; the client would read the whole environment with them."""
    file = tmp_path / "config"
    file.write_text(GOOD)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    settings, _ = configuration(str(file), None)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:2")
    assert [setting["value"] for setting in settings.auth_settings().values()] == ["Bearer t"]
    assert settings.proxy == "http://127.0.0.1:1"
