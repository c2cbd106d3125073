"""The scripts behind `make demo` and `make test` on machines that lack something."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "tools"


class Machine:
    """A machine of which the commands below are ours: a folder at the front of the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()

    def command(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def logged(self, name: str, script: str = "") -> None:
        self.command(name, f'echo "{name} $*" >> "{self.log}"\n{script}')

    def run(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "PYTHON": sys.executable}
        return subprocess.run(
            ["/bin/sh", str(TOOLS / script), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def debian(tmp_path: Path) -> Machine:
    """A Debian with g++ and cmake, whose newest clang-tidy has no number, used by no root."""
    machine = Machine(tmp_path)
    machine.command(
        "dpkg-query",
        'case "$4" in g++ | cmake) printf installed ;; *) echo "no package" >&2; exit 1 ;; esac',
    )
    machine.command("apt-cache", 'case "$2" in clang-tidy-16) exit 100 ;; esac')
    machine.command("id", "echo 1000")
    machine.command("sudo", "exit 1")
    machine.logged("apt-get")
    return machine


def test_without_root_one_sentence_names_the_packages_and_the_command(debian: Machine) -> None:
    done = debian.run("debian_packages.sh", "build", "test")
    assert done.returncode == 1
    assert done.stderr == (
        "headrace: Debian packages are missing and installing them needs root: as root, run "
        '"apt-get update && apt-get install -y --no-install-recommends ninja-build '
        "libdlpack-dev libxxhash-dev libflatbuffers-dev flatbuffers-compiler nlohmann-json3-dev "
        'libzstd-dev libgtest-dev clang-tidy strace", then the same make again.\n'
    )
    assert debian.log.read_text() == ""


def test_root_installs_what_is_missing_and_nothing_else(debian: Machine) -> None:
    debian.command("id", "echo 0")
    done = debian.run("debian_packages.sh", "build")
    assert done.returncode == 0, done.stderr
    update, install = debian.log.read_text().splitlines()
    assert update == "apt-get update -qq"
    assert install.endswith(
        "--no-install-recommends ninja-build libdlpack-dev libxxhash-dev "
        "libflatbuffers-dev flatbuffers-compiler nlohmann-json3-dev libzstd-dev"
    )


def test_sudo_is_used_where_it_works(debian: Machine) -> None:
    debian.logged("sudo", '[ "$1" = -n ] || "$@"')
    done = debian.run("debian_packages.sh", "bench")
    assert done.returncode == 0, done.stderr
    assert "sudo apt-get update -qq\napt-get update -qq\n" in debian.log.read_text()
    assert re.search(
        r"^apt-get .* libbenchmark-dev fio .*nginx$", debian.log.read_text(), re.MULTILINE
    )


def test_a_failed_install_fails(debian: Machine) -> None:
    debian.command("id", "echo 0")
    debian.command("apt-get", "exit 100")
    assert debian.run("debian_packages.sh", "build").returncode == 100


def test_a_machine_with_everything_is_left_alone(debian: Machine) -> None:
    debian.command("dpkg-query", "printf installed")
    done = debian.run("debian_packages.sh", "build", "test", "bench")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert debian.log.read_text() == ""


def test_an_old_python_is_refused_by_name(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.command(
        "old", f'exec "{sys.executable}" -c "import sys\nsys.version_info = (3, 9, 2)\n$2"'
    )
    done = subprocess.run(
        ["/bin/sh", str(TOOLS / "find_python.sh"), "--explain"],
        env={"PATH": os.environ["PATH"], "PYTHON": str(tmp_path / "old")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.9.2: it is older than 3.10" in done.stderr
    assert "make PYTHON=/path/to/python3" in done.stderr


def test_pythons_that_do_not_serve_are_passed_over(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.command("python3", "exit 1")
    machine.command("python3.12", f'exec "{sys.executable}" "$@"')
    done = subprocess.run(
        ["/bin/sh", str(TOOLS / "find_python.sh")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).name.startswith("python3")
    assert Path(done.stdout.strip()).parent != tmp_path


@pytest.mark.parametrize("dry_run_works", [True, False])
def test_a_cuda_build_of_torch_is_refused(tmp_path: Path, dry_run_works: bool) -> None:
    names = ["torch", "nvidia-cublas", "nvidia-cudnn-cu13"]
    report = json.dumps({"install": [{"metadata": {"name": name}} for name in names]})
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text(
        "import pathlib, sys\n"
        "if '--dry-run' in sys.argv:\n"
        f"    print({report!r})\n"
        f"    sys.exit({0 if dry_run_works else 2})\n"
        f"pathlib.Path({str(tmp_path / 'installed')!r}).touch()\n"
    )
    if not dry_run_works:
        information = tmp_path / "nvidia_cublas-1.0.dist-info"
        information.mkdir()
        metadata = "Metadata-Version: 2.1\nName: nvidia-cublas\nVersion: 1.0\n"
        (information / "METADATA").write_text(metadata)

    done = subprocess.run(
        [sys.executable, str(TOOLS / "install_torch.py")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "is a CUDA build with" in done.stderr
    assert "nvidia-cublas" in done.stderr
    assert "HEADRACE_TORCH=any" in done.stderr
    assert (tmp_path / "installed").exists() == (not dry_run_works)


def test_help_lists_every_target_that_a_user_calls() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = {
        name for names in re.findall(r"^\.PHONY:(.*)$", makefile, re.M) for name in names.split()
    }
    inner = {name for name in phony if name.startswith(("packages-", "preset-"))}
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  make (\S+) +\S", done.stdout, re.MULTILINE))
    assert listed == phony - inner
