"""How the operator calls calicoctl: what goes before the verb, what after it, and where its data is."""

from pathlib import Path

import pytest

from rrplan.adapters.calicoctl.command import CalicoctlCommand
from rrplan.errors import PreflightError

CALLS = [
    ("calicoctl", "calicoctl get nodes"),
    ("calicoctl --config /x.cfg", "calicoctl get --config /x.cfg nodes"),
    ("calicoctl -c /x.cfg --log-level info", "calicoctl --log-level info get -c /x.cfg nodes"),
    (
        "calicoctl --config=/x.cfg --allow-version-mismatch",
        "calicoctl --allow-version-mismatch get --config=/x.cfg nodes",
    ),
    ("ssh -c aes128-ctr manager calicoctl", "ssh -c aes128-ctr manager calicoctl get nodes"),
    ("ssh manager sudo calicoctl --config /x.cfg", "ssh manager sudo calicoctl get --config /x.cfg nodes"),
    ("/opt/calicoctl-linux-amd64 -c/x.cfg", "/opt/calicoctl-linux-amd64 get -c/x.cfg nodes"),
    (
        "docker run -i --rm -c 512 quay.io/calico/ctl:v3.12.3 -c /x.cfg",
        "docker run -i --rm -c 512 quay.io/calico/ctl:v3.12.3 get -c /x.cfg nodes",
    ),
    (
        "kubectl exec -i -n kube-system calicoctl -- /calicoctl",
        "kubectl exec -i -n kube-system calicoctl -- /calicoctl get nodes",
    ),
    ("my-wrapper --config /x.cfg", "my-wrapper --config /x.cfg get nodes"),
]


@pytest.mark.parametrize(("command", "call"), CALLS, ids=[case[0] for case in CALLS])
def test_options_go_where_calicoctl_takes_them(command: str, call: str) -> None:
    """`--config` is an option of each verb; everything else stays where the operator wrote it."""
    assert " ".join(CalicoctlCommand.parse(command).call("get", "nodes")) == call


@pytest.mark.parametrize("words", ["docker run --rm calico/ctl", "kubectl exec calicoctl -- /calicoctl"])
def test_a_container_that_reads_nothing(words: str) -> None:
    """Every write would be empty."""
    program, verb, *_ = words.split()
    with pytest.raises(PreflightError, match=f"`{program}` gives calicoctl no input") as error:
        CalicoctlCommand.parse(words)
    assert error.value.hint == f"add `-i`: `{program} {verb} -i ...`"


@pytest.mark.parametrize("words", ["docker run -it calico/ctl", "docker exec --interactive x calicoctl", "ucp"])
def test_a_container_that_reads(words: str) -> None:
    """Each way to say it."""
    assert CalicoctlCommand.parse(words).elsewhere


def test_where_etcd_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that calicoctl reads wins over its environment; of a container only its own words are known."""
    config = tmp_path / "calicoctl.cfg"
    config.write_text(
        "kind: CalicoAPIConfig\nspec: {datastoreType: etcdv3, etcdEndpoints: 'https://a:2379,https://b:2379'}\n"
    )
    monkeypatch.setenv("ETCD_ENDPOINTS", "https://c:2379")
    monkeypatch.setenv("ETCD_CA_CERT_FILE", "/ca.pem")

    def endpoints(command: str) -> tuple[str, ...]:
        access = CalicoctlCommand.parse(command).etcd()
        return tuple(access.endpoints) if access else ()

    assert endpoints(f"calicoctl --config={config}") == ("https://a:2379", "https://b:2379")
    assert endpoints("calicoctl -c /no/such.cfg") == ("https://c:2379",)
    assert endpoints("env CALICO_ETCD_ENDPOINTS=https://d:2379 calicoctl -c /no/such.cfg") == ("https://d:2379",)
    assert endpoints("ssh manager calicoctl") == ()
    assert endpoints("ucp") == ("https://127.0.0.1:12378",)
    access = CalicoctlCommand.parse("calicoctl -c /no/such.cfg").etcd()
    assert access is not None
    assert access.ca == "/ca.pem"
