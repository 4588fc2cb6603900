"""The names and labels that Kubernetes accepts (apimachinery/pkg/util/validation, v1.35).

Calico asks the same of the names of all its objects (libcalico-go/lib/validator/v3, v3.12 to v3.32).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rrplan.resources.reading import DecodeProblem, brief, is_subdomain

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
KEY_HINT = "a label is a name of at most 63 letters, digits, `-`, `_` and `.`, with or without `domain/` before it"
VALUE_HINT = "the value of a label has at most 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends"
NAMESPACE_HINT = "a namespace has at most 63 lower-case letters, digits and `-` (RFC 1123)"


def check_namespace(text: str) -> None:
    """Raise DecodeProblem for what cannot be a namespace; "" is none."""
    if text and not _LABEL.fullmatch(text):
        raise DecodeProblem(
            f"`{brief(text)}` is no namespace that Kubernetes accepts", ("metadata", "namespace"), NAMESPACE_HINT
        )


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise DecodeProblem for the first label that Kubernetes does not accept."""
    for key, value in labels.items():
        domain, slash, name = key.rpartition("/")
        if not _WORD.fullmatch(name) or (slash and not is_subdomain(domain)):
            raise DecodeProblem(
                f"`{brief(key)}` is no label that Kubernetes accepts", ("metadata", "labels", key), KEY_HINT
            )
        if value and not _WORD.fullmatch(value):
            raise DecodeProblem(
                f"label `{key}` has the value `{brief(value)}`, which Kubernetes does not accept",
                ("metadata", "labels", key),
                VALUE_HINT,
            )
