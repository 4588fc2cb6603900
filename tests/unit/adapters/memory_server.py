"""An API server in memory: objects with versions, and what a test wants to happen before a request."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from rrplan.adapters.kubernetes.server import JSON, ApiServer
from rrplan.errors import DatastoreConflict
from rrplan.resources.documents import patched


class MemoryServer(ApiServer):
    """Requests by path; `before` hears method and path of each, and may change objects or raise."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self.created_at = "2026-01-01T00:00:00Z"
        self._version = 0

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, object] | None,
        content: str,
        *,
        missing_is_none: bool = False,
        accept: str = JSON,
    ) -> dict[str, Any] | None:
        self.before(method, path)
        body = copy.deepcopy(dict(body or {}))
        match method:
            case "POST":
                metadata: Any = body["metadata"]
                path = f"{path}/{metadata['name']}"
                if path in self.objects:
                    raise DatastoreConflict(f"{path} exists")
                metadata["creationTimestamp"] = self.created_at
                return self._keep(path, body)
            case "PATCH":
                version = (body.get("metadata") or {}).get("resourceVersion")  # type: ignore[attr-defined]
                if version not in (None, self.objects[path]["metadata"]["resourceVersion"]):
                    raise DatastoreConflict(f"{path} moved on")
                return self._keep(path, dict(patched(self.objects[path], body)))
            case "DELETE":
                return self.objects.pop(path, None)
            case _ if "limit" in query:
                found = [value for key, value in self.objects.items() if key.rpartition("/")[0] == path]
                return {"kind": "List", "items": copy.deepcopy(found)}
            case _:
                return copy.deepcopy(self.objects.get(path))

    def _keep(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        document["metadata"] = {**document["metadata"], "resourceVersion": str(self._version)}
        self.objects[path] = document
        return copy.deepcopy(document)
