"""The names, labels and taints that Kubernetes accepts (apimachinery/pkg/util/validation, v1.35).

Calico asks the same of the names of all its objects (libcalico-go/lib/validator/v3, v3.12 to v3.32).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rrplan.resources.reading import DecodeProblem, Reader, brief, is_subdomain

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
"""What a taint does to pods that do not tolerate it."""
KEY_HINT = "a label is a name of at most 63 letters, digits, `-`, `_` and `.`, with or without `domain/` before it"
VALUE_HINT = "the value of a label has at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends"
TAINT_HINT = "the key and the value of a taint are written as those of a label"
EFFECT_HINT = "the effect of a taint is `NoSchedule`, `PreferNoSchedule` or `NoExecute`"
NAMESPACE_HINT = "a namespace has at most 63 lower-case letters, digits and `-` (RFC 1123)"


def check_namespace(text: str) -> None:
    """Raise DecodeProblem for what cannot be a namespace; "" is none."""
    if text and not _LABEL.fullmatch(text):
        raise DecodeProblem(
            f"`{brief(text)}` is no namespace that Kubernetes accepts", ("metadata", "namespace"), NAMESPACE_HINT
        )


def is_label_key(text: str) -> bool:
    """Whether Kubernetes accepts the key of a label or of a taint."""
    domain, slash, name = text.rpartition("/")
    return bool(_WORD.fullmatch(name)) and (not slash or is_subdomain(domain))


def is_label_value(text: str) -> bool:
    """Whether Kubernetes accepts the value of a label or of a taint; "" is one."""
    return not text or bool(_WORD.fullmatch(text))


def check_taint(taint: Reader) -> None:
    """Raise DecodeProblem for a taint that Kubernetes does not accept (pkg/apis/core/validation)."""
    for field, accepted, hint in (
        ("key", is_label_key, TAINT_HINT),
        ("value", is_label_value, TAINT_HINT),
        ("effect", EFFECTS.__contains__, EFFECT_HINT),
    ):
        text = taint.text(field)
        if not accepted(text):
            where = ".".join(str(part) for part in (*taint.path, field))
            problem = f"`{where}` is `{brief(text)}`, which Kubernetes does not accept"
            raise DecodeProblem(problem, (*taint.path, field), hint)


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise DecodeProblem for the first label that Kubernetes does not accept."""
    for key, value in labels.items():
        if not is_label_key(key):
            raise DecodeProblem(
                f"`{brief(key)}` is no label that Kubernetes accepts", ("metadata", "labels", key), KEY_HINT
            )
        if not is_label_value(value):
            raise DecodeProblem(
                f"label `{key}` has the value `{brief(value)}`, which Kubernetes does not accept",
                ("metadata", "labels", key),
                VALUE_HINT,
            )
