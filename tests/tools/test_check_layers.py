"""tools/check_layers.py, on small trees that break one rule each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_layers.py"
CMAKE = "headrace_layer(base)\nheadrace_layer(order USES base)\nheadrace_layer(column USES base)\n"


def make_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"CMakeLists.txt": CMAKE, "src/base/error.h": "#pragma once\n"}.items():
        files.setdefault(name, text)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def check(root: Path) -> tuple[int, str]:
    command = [sys.executable, str(TOOL), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_a_tree_that_keeps_the_rules_passes(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "src/order/order.h": '#include <vector>\n\n#include "base/error.h"\n',
            "src/order/order.cc": '#include "order/order.h"\n',
            "src/python/module.cc": '#include <nanobind/nanobind.h>\n#include "order/order.h"\n',
        },
    )
    assert check(tmp_path) == (0, "check_layers: 4 files; findings: 0\n")


@pytest.mark.parametrize(
    ("name", "text", "finding"),
    [
        pytest.param(
            "src/order/order.cc",
            '#pragma once\n#include "column/schema.h"\n',
            'src/order/order.cc:2: "column/schema.h" may not be included here; '
            "order may include base",
            id="a sideways include",
        ),
        pytest.param(
            "src/base/hash.h",
            '#  include  "order/order.h"\n',
            'src/base/hash.h:1: "order/order.h" may not be included here; base may include nothing',
            id="an upward include, oddly spaced",
        ),
        pytest.param(
            "src/order/order.cc",
            '#include "order.h"\n',
            'src/order/order.cc:1: "order.h" names no layer; write "<layer>/order.h"',
            id="an include without its layer",
        ),
        pytest.param(
            "src/order/order.cc",
            '#include "../base/error.h"\n',
            'src/order/order.cc:1: "../base/error.h" names no layer; write "<layer>/error.h"',
            id="a way around the layer",
        ),
        pytest.param(
            "src/base/hash.cc",
            "#include <base/error.h>\n",
            'src/base/hash.cc:1: our own header is written "base/error.h", not <base/error.h>',
            id="brackets around our own header",
        ),
        pytest.param(
            "src/order/order.cc",
            '#include "base/gone.h"\n',
            'src/order/order.cc:1: "base/gone.h" does not exist',
            id="a header that does not exist",
        ),
        pytest.param(
            "src/orders/x.cc",
            "",
            "src/orders/x.cc: 'orders' is no layer; the layers are base, order,",
            id="an unknown layer",
        ),
        pytest.param(
            "src/order/deep/x.cc",
            "",
            "src/order/deep/x.cc: sources lie at src/<layer>/<unit>, neither higher nor deeper",
            id="a folder inside a layer",
        ),
        pytest.param(
            "src/order/string_utils.h",
            "",
            "src/order/string_utils.h: a name such as util",
            id="a name that says nothing",
        ),
        pytest.param(
            "python/headrace/common.py",
            "",
            "python/headrace/common.py: a name such as util",
            id="a Python name that says nothing",
        ),
        pytest.param(
            "src/order/long.cc",
            "//\n" * 501,
            "src/order/long.cc: 501 lines; 500 are the most, split it",
            id="a long file",
        ),
        pytest.param(
            "CMakeLists.txt",
            CMAKE.replace("order USES base", "order USES base column"),
            "CMakeLists.txt: headrace_order may not link headrace_column; order may use base",
            id="a sideways link",
        ),
        pytest.param(
            "CMakeLists.txt",
            CMAKE + "target_link_libraries(headrace_base PUBLIC\n  headrace_order)\n",
            "CMakeLists.txt: headrace_base may not link headrace_order; base may use nothing",
            id="an upward link by hand",
        ),
        pytest.param(
            "CMakeLists.txt",
            CMAKE + "headrace_layer(misc)\n",
            "CMakeLists.txt: 'misc' is no layer; the layers are base, order,",
            id="a target of an unknown layer",
        ),
        pytest.param(
            "CMakeLists.txt",
            CMAKE.replace("headrace_layer(base)\n", ""),
            "CMakeLists.txt: the layer base has sources and no headrace_layer(base ...)",
            id="a layer that is not built",
        ),
    ],
)
def test_a_broken_rule_is_named(tmp_path: Path, name: str, text: str, finding: str) -> None:
    files = {"src/order/order.h": "", "src/column/schema.h": ""}
    assert check(make_tree(tmp_path, dict(files)))[0] == 0

    status, output = check(make_tree(tmp_path, files | {name: text}))

    assert status == 1
    assert output.startswith(finding)
    assert output.endswith("; findings: 1\n")


def test_names_that_only_contain_the_words_are_fine(tmp_path: Path) -> None:
    make_tree(tmp_path, {"src/base/commonality.h": "", "src/base/futile.h": ""})
    assert check(tmp_path)[0] == 0


def test_a_tree_without_sources_fails(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text("")
    status, output = check(tmp_path)
    assert status == 1
    assert "no C++ files" in output
