"""Run what `pre-commit run --all-files` runs, without fetching anything: `python -m tests.hooks`.

pre-commit takes its hooks from GitHub; the same tools, in the same versions, come here from constraints-dev.txt.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CONFIGURATION = ROOT / ".pre-commit-config.yaml"
PACKAGES = {
    "ruff-pre-commit": "ruff",
    "codespell": "codespell",
    "validate-pyproject": "validate-pyproject",
    "pre-commit-hooks": "pre-commit-hooks",
}
"""The package of each repository of hooks."""
COMMANDS = {
    "ruff-check": ("ruff", "check"),
    "ruff-format": ("ruff", "format", "--check"),
    "codespell": ("codespell",),
    "validate-pyproject": ("validate-pyproject",),
    "trailing-whitespace": ("trailing-whitespace-fixer",),
    "end-of-file-fixer": ("end-of-file-fixer",),
    "check-toml": ("check-toml",),
    "check-yaml": ("check-yaml",),
}
ENDINGS = {
    "ruff-check": (".py", ".pyi"),
    "ruff-format": (".py", ".pyi"),
    "check-toml": (".toml",),
    "check-yaml": (".yaml", ".yml"),
    "validate-pyproject": ("pyproject.toml",),
}
"""Which files a hook wants, where it does not want all."""


def repositories() -> list[dict[str, Any]]:
    """The repositories of hooks, with their versions."""
    found: list[dict[str, Any]] = yaml.safe_load(CONFIGURATION.read_text())["repos"]
    return found


def files() -> list[str]:
    """The text files that git knows, or would know; without git, all that are not hidden."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if told.returncode:
        # An unpacked source distribution has no history; hidden folders hold what was made here.
        found = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
        names = [str(path) for path in found if not any(part.startswith((".", "__")) for part in path.parts[:-1])]
    else:
        names = told.stdout.splitlines()
    paths = [name for name in names if (ROOT / name).is_file()]
    return [name for name in paths if b"\0" not in (ROOT / name).read_bytes()]


def main() -> int:
    """Run every hook; the exit code is 1 if one of them objects."""
    failed, known = [], files()
    for hook in (hook for repository in repositories() for hook in repository["hooks"]):
        name = hook["id"]
        program, *words = COMMANDS[name]
        paths = [path for path in known if path.endswith(ENDINGS.get(name, ""))]
        command = [str(Path(sys.executable).parent / program), *words, *hook.get("args", []), *paths]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
