"""What is there: observed state, from a datastore, from manifests or from a file of ours.

A Snapshot is immutable and has a digest; the same objects give the same Snapshot whatever they were read from.
"""

from rrplan.snapshots.file import is_snapshot, read_snapshot, snapshot_document, write_snapshot
from rrplan.snapshots.manifests import documents_in, joined_documents, snapshot_of_manifests
from rrplan.snapshots.snapshot import Snapshot, capture

__all__ = [
    "Snapshot",
    "capture",
    "documents_in",
    "is_snapshot",
    "joined_documents",
    "read_snapshot",
    "snapshot_document",
    "snapshot_of_manifests",
    "write_snapshot",
]
