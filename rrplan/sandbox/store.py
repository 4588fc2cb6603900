"""The directory of an embedded cluster: one SQLite file."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rrplan.errors import DatastoreRefused, RRPlanError
from rrplan.ports import Document, Stored
from rrplan.resources import ResourceKey

FILE = "cluster.db"
_SCHEMA = """
create table if not exists objects (key text primary key, version integer, document text) without rowid;
create table if not exists meta (name text primary key, value text) without rowid;
create table if not exists sessions (pair text primary key, up real, down real, stable real) without rowid;
create table if not exists mesh (node text primary key, ready real) without rowid;
"""


class Store:
    """Objects, session times and small facts, on disk; survives the death of its process."""

    def __init__(self, path: Path, *, create: bool) -> None:
        file = path / FILE
        if create:
            path.mkdir(parents=True, exist_ok=True)
            if file.exists():
                raise RRPlanError(f"{path} holds a sandbox already", hint="remove it, or use another directory")
        elif not file.exists():
            raise RRPlanError(f"{path} is no sandbox", hint=f"`rrplan sandbox {path}` makes one")
        self._file = file
        self._parsed: dict[str, tuple[str, Stored]] = {}
        with self._in_words():
            self._db = sqlite3.connect(_address(file), uri=True, isolation_level=None, check_same_thread=False)
            # The process may die at any time; the machine is not expected to.
            self._db.execute("pragma synchronous = off")
            if create:
                self._db.execute("pragma journal_mode = wal")
                self._db.executescript(_SCHEMA)
            self.meta("seed")

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """What SQLite says no to, as RRPlanError where the file is damaged, else as DatastoreRefused."""
        try:
            yield
        except sqlite3.OperationalError as error:
            full = "full" in str(error)
            hint = "make room on the disk" if full else "check the directory, its rights and the disk"
            raise DatastoreRefused(f"cannot use {self._file}: {error}", hint=hint) from error
        except sqlite3.DatabaseError as error:
            hint = "restore it from a copy, or make another with `rrplan sandbox` in a new directory"
            raise RRPlanError(f"{self._file} is damaged: {error}", hint=hint) from error

    @contextmanager
    def begin(self) -> Iterator[sqlite3.Connection]:
        """The connection as a context: everything inside happens or nothing."""
        with self._in_words():
            self._db.execute("begin immediate")
            with self._db:
                yield self._db

    def meta(self, name: str, default: str = "") -> str:
        """The text that was kept under a name, or `default`."""
        row = self._ask("select value from meta where name = ?", (name,)).fetchone()
        return str(row[0]) if row else default

    def set_meta(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        self._ask("insert or replace into meta values (?, ?)", (name, value))

    def _ask(self, words: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        with self._in_words():
            return self._db.execute(words, values)

    def load(self, objects: Iterable[tuple[ResourceKey, Document]]) -> None:
        """Put many objects in at version 1."""
        with self.begin() as db:
            db.executemany(
                "insert or replace into objects values (?, 1, ?)",
                ((str(key), json.dumps(document)) for key, document in objects),
            )

    def everything(self) -> Iterator[Stored]:
        """Every object in the file."""
        parsed: dict[str, tuple[str, Stored]] = {}
        for key, version, text in self._ask("select key, version, document from objects order by key"):
            known = self._parsed.get(key)
            # A version alone says little: an object that was deleted and made again begins with 1 again.
            if known is None or known[0] != text or known[1].version != str(version):
                known = text, Stored(json.loads(text), str(version))
            parsed[key] = known
            yield known[1]
        self._parsed = parsed

    def get(self, key: ResourceKey) -> Stored | None:
        """An object with its version; None where it does not exist."""
        row = self._ask("select version, document from objects where key = ?", (str(key),)).fetchone()
        return Stored(json.loads(row[1]), str(row[0])) if row else None

    def put(self, key: ResourceKey, document: Document, version: int) -> None:
        """Write an object, whether it exists or not."""
        self._ask("insert or replace into objects values (?, ?, ?)", (str(key), version, json.dumps(document)))

    def delete(self, key: ResourceKey) -> None:
        """Remove an object from the file."""
        self._ask("delete from objects where key = ?", (str(key),))

    def sessions(self) -> dict[str, tuple[float, float, float]]:
        """The times of all sessions that ever changed."""
        return {row[0]: (row[1], row[2], row[3]) for row in self._ask("select * from sessions")}

    def set_sessions(self, rows: Iterable[tuple[str, float, float, float]]) -> None:
        """Keep when sessions come up: name, first up, down again, up for good, in seconds."""
        with self._in_words():
            self._db.executemany("insert or replace into sessions values (?, ?, ?, ?)", rows)

    def mesh(self) -> dict[str, float]:
        """When each node's mesh sessions were last up again."""
        return dict(self._ask("select node, ready from mesh"))

    def set_mesh(self, rows: Iterable[tuple[str, float]]) -> None:
        """Keep when the mesh sessions of nodes are up again: node, seconds."""
        with self._in_words():
            self._db.executemany("insert or replace into mesh values (?, ?)", rows)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _address(file: Path) -> str:
    """The database as SQLite opens it: for reading only, where this account may not write beside it."""
    address = file.resolve().as_uri()
    if os.access(file.parent, os.W_OK, effective_ids=True):
        return address
    # SQLite makes files beside a database even to read it, unless it is told that nobody writes.
    written = file.with_name(f"{FILE}-wal").exists()
    return f"{address}?mode=ro" if written else f"{address}?immutable=1"
