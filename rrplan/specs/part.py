"""What all parts of a spec have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

_ALIASES = {"cluster_id": "clusterID", "num_allowed_local_as_numbers": "numAllowedLocalASNumbers"}


def _alias(name: str) -> str:
    return _ALIASES.get(name) or to_camel(name)


class Part(BaseModel):
    """A mapping of the document: frozen, with camelCase names, and without unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=_alias, populate_by_name=True, use_attribute_docstrings=True
    )
