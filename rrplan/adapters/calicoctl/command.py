"""How the operator calls calicoctl: its words, the options that belong after the verb, and where it looks for data.

Sources: calicoctl/commands/*.go (`--config` is an option of each verb, not of calicoctl; v3.0 to v3.32),
libcalico-go/lib/apiconfig (the file, else the environment), calicoctl/commands/constants (the default file).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rrplan.adapters.etcd.client import Access
from rrplan.adapters.etcd.config import etcd_access
from rrplan.errors import FileFormatError, PreflightError
from rrplan.specs.ucp import FUNCTION, UCP

DEFAULT_FILE = "/etc/calico/calicoctl.cfg"
PROGRAM = re.compile(r"(?!-)(?:.*/)?(?:calicoctl(?!\.(?:cfg|ya?ml|json|conf)\b)[^/]*|ctl)(?:[:@].*)?")
"""The program, or the image `calico/ctl` with its tag; not an option, and not the configuration file."""
CONFIG = re.compile(r"--config=(?P<long>.+)|-c(?P<short>.+)")
ELSEWHERE = ("ssh", "docker", "podman", "nerdctl", "kubectl", "crictl", "ctr")
"""Programs that run calicoctl on another machine or in a container, where files and environment are others."""
CONTAINERS = ("docker", "podman", "nerdctl", "kubectl")
INTERACTIVE = re.compile(r"-[a-z]*i[a-z]*|--(interactive|stdin)(=true)?")
DATASTORE_TYPE = re.compile(r"datastoreType[\"']?\s*:\s*[\"']?(\w+)")
IN_ENVIRONMENT = re.compile(r"(?:^|-e)(?:CALICO_)?(?P<name>DATASTORE_TYPE|ETCD_\w+)=(?P<value>\S+)")
HINT = "say in `--calicoctl` how calicoctl is called here, such as `ssh manager calicoctl`"


@dataclass(frozen=True, slots=True)
class CalicoctlCommand:
    """The words before a verb, the options that calicoctl takes after it, and its name for people.

    `wrapped` says that something else starts calicoctl (ssh, docker, a shell), so ending it may not end calicoctl.
    """

    words: tuple[str, ...]
    options: tuple[str, ...]
    name: str
    wrapped: bool

    @classmethod
    def parse(cls, text: str) -> CalicoctlCommand:
        """The command that a shell would understand, or `ucp`; raises PreflightError for one that cannot work."""
        if text == UCP:
            return cls(("bash", "-c", f'{FUNCTION}calicoctl "$@"', "calicoctl"), (), "calicoctl of UCP", wrapped=True)
        try:
            words = shlex.split(text)
        except ValueError:
            words = []
        if not words:
            raise PreflightError([f"`{text}` is no command"], hint=HINT)
        program = max((index for index, word in enumerate(words) if PROGRAM.fullmatch(word)), default=len(words) - 1)
        before, options = _without_config(words[program + 1 :])
        _check_input(words[: program + 1])
        return cls((*words[: program + 1], *before), tuple(options), f"`{words[0]}`", wrapped=program > 0)

    def call(self, verb: str, *rest: str) -> list[str]:
        """All words of one call."""
        return [*self.words, verb, *self.options, *rest]

    # --- where it looks ------------------------------------------------------------------------

    @property
    def elsewhere(self) -> bool:
        """Whether calicoctl runs on another machine or in a container."""
        return any(Path(word).name in ELSEWHERE for text in self.words for word in text.split())

    def datastore_type(self) -> str:
        """`kubernetes` or `etcdv3` where the file of calicoctl or its environment says so; else ""."""
        text = self._file_text()
        if text is None:
            return self._variables().get("DATASTORE_TYPE", "")
        match = DATASTORE_TYPE.search(text)
        return match[1] if match else ""

    def etcd(self) -> Access | None:
        """The etcd that calicoctl asks, as far as its file or its environment says it."""
        if self._file_text() is not None:
            with suppress(FileFormatError):
                return etcd_access(self._file())
            return None
        said = self._variables()
        endpoints = tuple(part.strip() for part in said.get("ETCD_ENDPOINTS", "").split(",") if part.strip())
        if not endpoints:
            return None
        # The files of a container are not ours to read; who does not answer shows without them too.
        if self.elsewhere:
            return Access(endpoints)
        names = ("ETCD_CA_CERT_FILE", "ETCD_CERT_FILE", "ETCD_KEY_FILE", "ETCD_USERNAME", "ETCD_PASSWORD")
        ca, certificate, key, user, password = (said.get(name, "") for name in names)
        return Access(endpoints, ca, certificate, key, user, password)

    def _file(self) -> str:
        for index, word in enumerate(self.options):
            match = CONFIG.fullmatch(word)
            if match:
                return match["long"] or match["short"]
            if word in ("--config", "-c"):
                return self.options[index + 1]
        return DEFAULT_FILE

    def _file_text(self) -> str | None:
        """The file that calicoctl reads, which wins over the environment; None where there is none here."""
        if self.elsewhere:
            return None
        try:
            return Path(self._file()).read_text(errors="replace")
        except OSError:
            return None

    def _variables(self) -> Mapping[str, str]:
        """What the environment tells calicoctl, and its command (`env NAME=value`, `docker run -e NAME=value`)."""
        ours = () if self.elsewhere else tuple(f"{name}={value}" for name, value in os.environ.items())
        matches = (IN_ENVIRONMENT.search(text) for word in (*ours, *self.words) for text in word.split())
        return {match["name"]: match["value"] for match in matches if match}


def _without_config(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words that may stand before a verb, and `--config FILE`, which may not."""
    before: list[str] = []
    options: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in ("--config", "-c") and rest:
            options += [word, rest.pop(0)]
        elif CONFIG.fullmatch(word):
            options.append(word)
        else:
            before.append(word)
    return before, options


def _check_input(words: Sequence[str]) -> None:
    """A container without `-i` reads nothing, so each write would be empty; raises PreflightError."""
    starter = next((word for word in words if Path(word).name in CONTAINERS), "")
    verb = next((word for word in words if word in ("run", "exec")), "")
    if not starter or not verb:
        return
    if not any(INTERACTIVE.fullmatch(word) for word in words):
        raise PreflightError(
            [f"`{Path(starter).name}` gives calicoctl no input"], hint=f"add `-i`: `{Path(starter).name} {verb} -i ...`"
        )
