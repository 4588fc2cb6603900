"""What all parts of a spec have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def _alias(name: str) -> str:
    return {"cluster_id": "clusterID"}.get(name, to_camel(name))


class Part(BaseModel):
    """A mapping of the document: frozen, with camelCase names, and without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=_alias, populate_by_name=True, use_attribute_docstrings=True
    )
