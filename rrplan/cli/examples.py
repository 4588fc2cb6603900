"""Examples for the help of each verb; a test holds that every one is understood."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("rrplan demo", "rrplan demo --ucp"),
    "init": (
        "rrplan init --context production --out spec.yaml",
        "rrplan init -f nodes.yaml -f calico.yaml --name production",
        "rrplan init --example kubeadm --out spec.yaml",
    ),
    "validate": ("rrplan validate spec.yaml", "rrplan validate spec.yaml -o json"),
    "snapshot": (
        "rrplan snapshot --context production --out cluster.json",
        "rrplan snapshot -f nodes.yaml -f calico.yaml --out cluster.json",
    ),
    "plan": (
        "rrplan plan spec.yaml --context production --out plan.json",
        "rrplan plan spec.yaml -f nodes.yaml -f calico.yaml",
        "rrplan plan spec.yaml --snapshot cluster.json -o markdown",
    ),
    "show": ("rrplan show plan.json", "rrplan show plan.json -o markdown --all"),
    "graph": ("rrplan graph plan.json -o mermaid",),
    "report": (
        "rrplan report plan.json --snapshot cluster.json -o html --out report.html",
        "rrplan report 20260102t030405-0000001a --context production -o html --out report.html",
    ),
    "bundle": ("rrplan bundle plan.json --snapshot cluster.json --out ticket.zip",),
    "rehearse": ("rrplan rehearse plan.json --context production", "rrplan rehearse plan.json --snapshot cluster.json"),
    "approve": ("rrplan approve plan.json --key ~/.ssh/id_ed25519",),
    "diff": ("rrplan diff old.json plan.json",),
    "version": ("rrplan version -o json",),
    "apply": (
        "rrplan apply plan.json --context production",
        "rrplan apply plan.json --context production --expect-digest sha256:...",
    ),
    "resume": ("rrplan resume --context production",),
    "rollback": (
        "rrplan rollback --context production",
        "rrplan rollback 20260102t030405-0000001a --context production",
    ),
    "runs": ("rrplan runs --context production", "rrplan runs 20260102t030405-0000001a --context production"),
    "unlock": ("rrplan unlock --context production",),
    "status": ("rrplan status --context production", "rrplan status --context production --watch"),
    "verify": ("rrplan verify spec.yaml --context production",),
    "sessions": ("rrplan sessions --context production --node node-017", "rrplan sessions -f nodes.yaml --summary"),
    "routes": (
        "rrplan routes --context production",
        "rrplan routes --context production --from node-001 --to node-017",
    ),
    "outside": (
        "rrplan outside spec.yaml --context production",
        "rrplan outside spec.yaml --context production -o frr",
    ),
    "explain": ("rrplan explain", "rrplan explain one-link"),
    "simulate": (
        "rrplan simulate --nodes 100000 --zones 20 --reflectors-per-zone 3",
        "rrplan simulate --nodes 5000 --zones 8 --levels 2 -o svg --out topologies.svg",
    ),
    "rbac": ("rrplan rbac plan.json --context production",),
    "sandbox": ("rrplan sandbox cluster --nodes 12", "rrplan sandbox cluster -f nodes.yaml -f calico.yaml"),
    "schema": ("rrplan schema spec --out spec.schema.json",),
}


def epilog(verb: str) -> str:
    """The end of the help of a verb."""
    lines = "\n".join(f"  {line}" for line in EXAMPLES.get(verb, ()))
    return f"\b\nExamples:\n{lines}" if lines else ""
