"""The v3 metadata that Calico hides in an annotation where its objects are CRDs."""

from __future__ import annotations

from rrplan.resources.reading import json_object, json_strings

METADATA_ANNOTATION = "projectcalico.org/metadata"


def hidden_metadata(text: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """The labels and annotations that Calico's annotation on a CRD holds; None where it is none that can be read."""
    metadata = json_object(text)
    if metadata is None:
        return None
    labels, annotations = (json_strings(metadata.get(field) or {}) for field in ("labels", "annotations"))
    return None if labels is None or annotations is None else (labels, annotations)
