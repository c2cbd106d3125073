"""Checks that the C++ sources keep to the layers of DESIGN.md.

    python tools/check_layers.py [ROOT]

A file of src/<layer>/ may include only headers of the layers below, by "layer/header.h", and each
CMake target may link only to the same layers: so no cycle can grow, and a reader knows what a file
may touch. Also refused: folders that are no layer, headers that do not exist, file names that mean
nothing (util, common, misc, helpers), and files of more than 500 lines.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# DESIGN.md, section 2: what each layer may include besides itself.
LAYERS: dict[str, frozenset[str]] = {
    "base": frozenset(),
    "order": frozenset({"base"}),
    "storage": frozenset({"base"}),
    "column": frozenset({"base"}),
    "format": frozenset({"base", "storage", "column"}),
    "transform": frozenset({"base", "column"}),
    "dataset": frozenset({"base", "order", "storage", "column", "format"}),
    "engine": frozenset({"base", "order", "storage", "column", "format", "transform", "dataset"}),
    "python": frozenset(
        {"base", "order", "storage", "column", "format", "transform", "dataset", "engine"}
    ),
}

MAX_LINES = 500
EMPTY_NAMES = re.compile(r"(^|_)(utils?|common|misc|helpers?)(_|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
CMAKE_LAYER = re.compile(r"^headrace_layer\((\w+)(?:\s+USES((?:\s+\w+)+))?\s*\)", re.MULTILINE)
CMAKE_LINK = re.compile(r"^target_link_libraries\(\s*headrace_(\w+)\s([^)]*)\)", re.MULTILINE)


def main(argv: list[str]) -> int:
    """Prints one line for each finding; returns the exit status."""
    root = Path(argv[1]) if len(argv) > 1 else Path(__file__).resolve().parent.parent
    findings = [*check_sources(root), *check_cmake(root), *check_files(root)]
    for finding in findings:
        print(finding)
    sources = len(source_files(root))
    if sources == 0:
        print(f"{root / 'src'}: no C++ files; run this in a checkout of headrace")
        return 1
    print(f"check_layers: {sources} files; findings: {len(findings)}")
    return 1 if findings else 0


def source_files(root: Path) -> list[Path]:
    """The C++ files below src/."""
    return sorted(path for path in (root / "src").rglob("*") if path.suffix in {".h", ".cc"})


def check_sources(root: Path) -> Iterator[str]:
    """Findings about folders and includes of src/."""
    for path in source_files(root):
        name = path.relative_to(root)
        layer = name.parts[1]
        if len(name.parts) != 3:
            yield f"{name}: sources lie at src/<layer>/<unit>, neither higher nor deeper"
        elif layer not in LAYERS:
            yield f"{name}: {layer!r} is no layer; the layers are {', '.join(LAYERS)}"
        else:
            yield from check_includes(root, name, layer)


def check_includes(root: Path, name: Path, layer: str) -> Iterator[str]:
    """Findings about the includes of the file `name` of `layer`."""
    for number, line in enumerate((root / name).read_text().splitlines(), start=1):
        match = INCLUDE.match(line)
        if match is None:
            continue
        bracket, header = match.groups()
        where = f"{name}:{number}"
        target = header.split("/")[0]
        if bracket == "<":
            if target in LAYERS and (root / "src" / header).exists():
                yield f'{where}: our own header is written "{header}", not <{header}>'
        elif "/" not in header or target not in LAYERS:
            yield f'{where}: "{header}" names no layer; write "<layer>/{Path(header).name}"'
        elif target != layer and target not in LAYERS[layer]:
            yield (
                f'{where}: "{header}" may not be included here; {layer} may include '
                f"{describe(LAYERS[layer])}"
            )
        elif not (root / "src" / header).exists():
            yield f'{where}: "{header}" does not exist'


def check_cmake(root: Path) -> Iterator[str]:
    """Findings about what CMakeLists.txt links the layers to."""
    text = (root / "CMakeLists.txt").read_text()
    links = {layer: set(below.split()) for layer, below in CMAKE_LAYER.findall(text)}
    for layer, items in CMAKE_LINK.findall(text):
        linked = re.findall(r"\bheadrace_(\w+)", items)
        links.setdefault(layer, set()).update(item for item in linked if item in LAYERS)
    present = {path.parent.name for path in source_files(root)} & LAYERS.keys()
    for layer in sorted(present - links.keys() - {"python"}):
        yield f"CMakeLists.txt: the layer {layer} has sources and no headrace_layer({layer} ...)"
    for layer, below in links.items():
        if layer not in LAYERS:
            yield f"CMakeLists.txt: {layer!r} is no layer; the layers are {', '.join(LAYERS)}"
            continue
        for other in sorted(below - LAYERS[layer] - {layer}):
            yield (
                f"CMakeLists.txt: headrace_{layer} may not link headrace_{other}; "
                f"{layer} may use {describe(LAYERS[layer])}"
            )


def check_files(root: Path) -> Iterator[str]:
    """Findings about names and lengths of all source files."""
    for folder in ("src", "include", "python", "tests", "bench", "examples", "tools"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in {".h", ".cc", ".py"}:
                continue
            name = path.relative_to(root)
            if any(EMPTY_NAMES.search(Path(part).stem) for part in name.parts):
                yield f"{name}: a name such as util, common, misc or helpers says nothing"
            lines = len(path.read_text().splitlines())
            if lines > MAX_LINES:
                yield f"{name}: {lines} lines; {MAX_LINES} are the most, split it"


def describe(layers: frozenset[str]) -> str:
    """The layers in the order of the table, or "nothing"."""
    return ", ".join(layer for layer in LAYERS if layer in layers) or "nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv))
