"""Your own native code: C, C++ or Rust that makes rows of bytes, loaded by one line.

`load` compiles a source file, or takes a shared library, that implements ``headrace/transform.h``.
docs/native.md is the guide.
"""

from headrace.native.compiler import include_dir
from headrace.native.loading import load
from headrace.native.transform import NativeTransform

__all__ = ["NativeTransform", "include_dir", "load"]
