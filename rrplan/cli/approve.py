"""`rrplan approve PLAN --key KEY`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rrplan.cli.say import say
from rrplan.cli.sources import note, read
from rrplan.errors import PolicyRefusal, UsageProblem
from rrplan.text import one_line

if TYPE_CHECKING:
    from rrplan.plans import Plan

SUFFIX = ".approval.json"
UNBOUND = "the plan is bound to no cluster"
BIND = "plan with `--context`, or add the output of `calicoctl get clusterinformations -o yaml` to the files"


@click.command("approve")
@click.argument("plan")
@click.option("--key", required=True, metavar="FILE", help="Your private Ed25519 key, of OpenSSH or in PEM.")
@click.option("--as", "name", metavar="NAME", help="Your name in the approval; the one of this login, if left out.")
@click.option("--out", metavar="FILE", help=f"The approval; PLAN.NAME{SUFFIX}, if left out.")
def command(plan: str, key: str, name: str | None, out: str | None) -> None:
    """Sign the digest of a plan file that you reviewed; `rrplan apply --require-approvals` asks for such signatures.

    The plan file stays as it is. The approval is a file of its own (a DSSE envelope), for one plan and one cluster.
    """
    from rrplan.adapters.local.clock import SystemClock
    from rrplan.adapters.local.keys import load_signer
    from rrplan.adapters.local.login import login
    from rrplan.cli.output import write_own
    from rrplan.plans import is_plan, read_plan
    from rrplan.plans.approval import Statement, encoded, envelope, is_approval

    data = read(plan)
    if not is_plan(data):
        raise UsageProblem(f"{one_line(plan)} is no plan file", hint="`rrplan plan SPEC --out plan.json` writes one")
    made, digest = read_plan(data, plan)
    signer = load_signer(Path(key), lambda: _passphrase(key))
    who = name or login()
    cluster = made.snapshot.cluster
    if not cluster.known:
        note(f"{UNBOUND}, so `rrplan apply` will not count an approval of it; {BIND}")
    statement = Statement(digest, cluster.guid or cluster.namespace_uid, who, SystemClock().wall())
    if plan == "-" and not out:
        raise UsageProblem("the plan comes from stdin, so the approval needs a name", hint="give `--out FILE`")
    place = out or f"{plan}.{_word(who)}{SUFFIX}"
    body = envelope(statement, signer.key_id, signer.sign(encoded(statement.payload())))
    write_own(place, body, "approval with this key", lambda old: is_approval(old, signer.key_id))
    say(f"approved plan {digest} as {one_line(who)} with key {signer.key_id}\nwrote {one_line(place)}", err=True)


def _passphrase(key: str) -> str:
    try:
        if sys.stdin.isatty():
            return str(click.prompt(f"Passphrase of {key}", hide_input=True, err=True))
    except click.Abort:
        pass
    raise UsageProblem(
        f"{one_line(key)} is encrypted, and nobody is there to give its passphrase",
        hint="run it on a terminal, or give a key without a passphrase",
    )


def _word(name: str) -> str:
    """A name that fits into a file name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name) or "approver"


def approved_by(
    made: Plan, digest: str, file: str, required: int | None, trusted: str | None, given: Sequence[str]
) -> tuple[str, ...]:
    """Who approved a plan from a file, as its policy and the command line ask; raises PolicyRefusal or UsageProblem.

    `file` is "" for a plan that was made just now: nobody can have approved that.
    """
    from rrplan.plans.approval import Demand

    policy = made.spec.policy.approvals
    asked = Demand(max(required or 0, policy.required if policy else 0), policy.maximum_age if policy else 0)
    if not asked.required:
        if trusted or given:
            what = "--trusted-keys" if trusted else "--approval"
            raise UsageProblem(f"`{what}` is of no use here", hint="give `--require-approvals N` too")
        return ()
    wanted = "an approval" if asked.required == 1 else f"approvals by {asked.required} people"
    if not file:
        raise PolicyRefusal(
            f"{wanted} of the plan {'is' if asked.required == 1 else 'are'} asked for, and this plan was made just now",
            hint="`rrplan plan SPEC --out plan.json`, let them `rrplan approve plan.json`, then apply that file",
        )
    if not made.snapshot.cluster.known:
        raise PolicyRefusal(f"{UNBOUND}: what was approved for one would count on any", hint=BIND)
    if not trusted:
        by = "the spec asks for" if policy else "`--require-approvals` asks for"
        raise PolicyRefusal(
            f"{by} {wanted}, and nobody said whose {'counts' if asked.required == 1 else 'count'}",
            hint="give `--trusted-keys FILE`, with `ssh-ed25519 AAAA... name` in each line",
        )
    from rrplan.adapters.local.clock import SystemClock
    from rrplan.adapters.local.keys import load_trusted
    from rrplan.plans.approval import check_approved, read_approval

    keys = load_trusted(Path(trusted))
    beside = [] if file == "-" else sorted(map(str, Path(file).parent.glob(f"{_escaped(Path(file).name)}.*{SUFFIX}")))
    approvals = [read_approval(read(name), name) for name in dict.fromkeys([*beside, *given])]
    cluster = made.snapshot.cluster.guid or made.snapshot.cluster.namespace_uid
    return check_approved(digest, cluster, approvals, keys.trusted, keys.verify, asked, SystemClock().wall())


def _escaped(name: str) -> str:
    """A file name as a pattern that matches nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
