"""Where the password of a session is: a key of a Secret that calico-node reads."""

from __future__ import annotations

from rrplan.resources.documents import at

ROLE = "calico-node-bgp-password"


def secret_of(password: object) -> tuple[str, str]:
    """The Secret and the key that a `password` of Calico names; "" for none."""
    name, key = (at(password, ("secretKeyRef", part)) for part in ("name", "key"))
    return str(name or ""), str(key or "")


def allowing(namespace: str, secret: str, account: str) -> str:
    """The two commands that let calico-node read a Secret, as Calico's page on secure BGP sessions has them."""
    role = f"{ROLE}-{secret}"
    return (
        f"`kubectl create role {role} -n {namespace} --verb=get,list,watch --resource=secrets "
        f"--resource-name={secret}` and `kubectl create rolebinding {role} -n {namespace} --role={role} "
        f"--serviceaccount={namespace}:{account}`"
    )
