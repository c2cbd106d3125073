"""The views of a dataset that change what its columns are, not which rows there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from headrace import _core, dtypes, layouts, naming
from headrace.column_functions import ColumnFunction
from headrace.dataset_rows import Rows
from headrace.errors import InvalidError

_Self = TypeVar("_Self", bound="Columns")


class Columns(Rows):
    """The part of `Dataset` that chooses, names and shows columns."""

    __slots__ = ()

    def select_columns(self: _Self, names: Sequence[str]) -> _Self:
        """Returns the dataset of some columns, in the given order.

        Positional columns are renumbered from "0".

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.zeros(3), y=np.arange(3), z=np.ones(3))
            >>> list(ds.select_columns(["z", "y"]).schema)
            ['z', 'y']
        """
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InvalidError(f"columns are selected by a list of names: [{names!r}]")
        positions = [self._schema.position(name) for name in names]
        if not positions or len(set(positions)) < len(positions):
            raise InvalidError(f"select each column once, and at least one; found {names!r}")
        chosen = self._view(_core.Dataset.select, positions)
        if not self._as_tuple:
            return chosen
        return chosen._view(_core.Dataset.rename, naming.positional_names(len(positions)))

    def rename(self: _Self, names: Mapping[str, str] | None = None, /, **new_names: str) -> _Self:
        """Returns the dataset with other names for some columns.

        Args:
            names: New names by old name.
            **new_names: The same as keywords.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.zeros(3), y=np.arange(3))
            >>> ds.rename(y="target").schema, list(ds.rename({"x": "y", "y": "x"}).schema)
            (Schema(x: float64, target: int64), ['y', 'x'])
        """
        if self._as_tuple:
            raise InvalidError(
                f"tuple rows have no names; give one to each of the {len(self._schema)} columns "
                'with ds.as_dict("x", ...)'
            )
        wanted = naming.renamed(self._schema, names, new_names)
        return self._view(_core.Dataset.rename, wanted)

    def as_dict(self: _Self, *names: str) -> _Self:
        """Returns the dataset with dict rows, its columns named `names` in their order.

        Named columns have names already: none are given then, and the dataset is the same.

        Example:
            >>> import numpy as np, headrace as hr
            >>> hr.from_arrays(np.zeros(3), np.arange(3)).as_dict("x", "y")[2]
            {'x': np.float64(0.0), 'y': np.int64(2)}
        """
        if not self._as_tuple:
            if names:
                raise InvalidError(
                    f"the rows are dicts already, with the columns {', '.join(self._schema)}; use "
                    "rename for other names, or select_columns for fewer columns"
                )
            return self
        if len(names) != len(self._schema):
            raise InvalidError(
                f"as_dict needs one name for each of {len(self._schema)} columns; found {names!r}"
            )
        made = self._made.view(_core.Dataset.rename, naming.checked_names(names))
        return type(self)(made, as_tuple=False)

    def as_tuple(self: _Self, *names: str) -> _Self:
        """Returns the dataset with tuple rows of the columns `names`, or of all columns.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.zeros(3), y=np.arange(3), z=np.ones(3))
            >>> ds.as_tuple("y", "x")[2]
            (np.int64(2), np.float64(0.0))
        """
        chosen = self.select_columns(names) if names else self
        numbers = naming.positional_names(len(chosen._schema))
        return type(self)(chosen._made.view(_core.Dataset.rename, numbers), as_tuple=True)

    def cast(self: _Self, dtype: object = None, /, **columns: object) -> _Self:
        """Returns the dataset with columns converted to other dtypes, as ``astype`` does.

        Rows are converted when they are read. A float that an integer dtype does not hold becomes
        the nearest number that it does, and NaN becomes 0.

        Args:
            dtype: One dtype for all columns, or a dict of dtypes by column.
            **columns: dtypes by column.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.zeros((3, 2)), y=np.arange(3))
            >>> ds.cast(x="float32").schema
            Schema(x: float32[2], y: int64)
        """
        if (dtype is None) == (not columns):
            raise InvalidError(
                'cast takes one dtype, a dict, or keywords: ds.cast("float32"), '
                'ds.cast({"x": "float32"}) or ds.cast(x="float32")'
            )
        if dtype is None or isinstance(dtype, Mapping):
            wanted = dict(columns if dtype is None else dtype)
            for name in wanted:
                self._schema.position(name)
        else:
            wanted = dict.fromkeys(self._schema, dtype)
        names = [
            dtypes.dtype_name(wanted.get(field.name, field.dtype), column=field.name)
            for field in self._schema.values()
        ]
        return self._view(_core.Dataset.cast, names)

    def with_columns(
        self: _Self,
        functions: Mapping[str, ColumnFunction] | None = None,
        /,
        **columns: ColumnFunction,
    ) -> _Self:
        """Returns the dataset with functions of the numbers of columns in their place.

        They are computed when rows are read, on the way to their place in a batch: what is stored
        stays as it is, and no second copy is made.

        Args:
            functions: Functions by column name: `standardize`, `clip`, `log1p`, `bucketize`,
                `one_hot`, `hash_categories`, or several in `compose`.
            **columns: The same as keywords.

        Raises:
            InvalidError: If a function does not fit its column.
            UnsupportedError: If the column holds no numbers, or has a layout.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.array([-1.0, 0.0, 4.0]), y=np.array([2, 0, 1]))
            >>> shown = ds.with_columns(x=hr.clip(0, 3), y=hr.one_hot(3, dtype="uint8"))
            >>> shown["x"][:].tolist(), shown["y"][:].tolist()
            ([0.0, 0.0, 3.0], [[0, 0, 1], [1, 0, 0], [0, 1, 0]])
        """
        wanted = {**(functions or {}), **columns}
        if not wanted or not isinstance(functions, Mapping | None):
            raise InvalidError(
                "with_columns takes functions by column: ds.with_columns(x=hr.log1p()) or "
                'ds.with_columns({"x": hr.log1p()})'
            )
        made = self._made
        for name, function in wanted.items():
            if not isinstance(function, ColumnFunction):
                raise InvalidError(
                    f"with_columns takes functions such as hr.log1p(), not {name}={function!r}; "
                    "a function of Python is for Loader(transform=)",
                    column=name,
                )
            made = function.view(made, self._schema.position(name), name)
        return self._with(made)

    def with_layout(
        self: _Self,
        columns: Mapping[str, layouts.Layout | layouts.LayoutName | None] | None = None,
        /,
        **more: layouts.Layout | layouts.LayoutName | None,
    ) -> _Self:
        """Returns the dataset with sparse, ragged, bytes or text columns shown in another form.

        Rows and batches have the form that the layout says, everywhere alike: in ``ds[...]``, in
        `Loader` and in torch's own DataLoader. It is made while a batch is made; what is stored
        stays as it is, and so does what `Writer` and `convert` take of it.

        ===========  ======================  ===================================================
        layout       of                      a batch of n rows
        ===========  ======================  ===================================================
        `Dense`      csr, multi-hot          a tensor of shape (n, columns)
        `Csr`        csr, multi-hot          a sparse tensor; of numpy a scipy.sparse.csr_array
        `Coo`        csr, multi-hot          the same in coordinates
        `Padded`     ragged, bytes, text     (values, lengths), or (values, mask)
        `Jagged`     csr, multi-hot,         a nested tensor, or values and offsets
                     ragged, bytes, text
        ===========  ======================  ===================================================

        Args:
            columns: Layouts by column name: "dense", "csr", "coo", "padded", "jagged", one of the
                classes above for options, or None for rows as they are stored.
            **more: The same as keywords.

        Raises:
            InvalidError: If a column has no such layout, or an option does not fit it.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=hr.csr([[2, 0], [], [1]], columns=4))
            >>> ds.with_layout(x="dense")[:2]["x"]
            array([[1., 0., 1., 0.],
                   [0., 0., 0., 0.]], dtype=float32)
            >>> ds.with_layout(x=hr.Dense(columns=[2, 1], scale=0.5))["x"][2]
            array([0. , 0.5], dtype=float32)
        """
        wanted = {**columns, **more} if isinstance(columns, Mapping) else more
        if not wanted or not isinstance(columns, Mapping | None):
            raise InvalidError(
                'with_layout takes layouts by column: ds.with_layout(x="dense") or '
                'ds.with_layout({"x": "dense"})'
            )
        made = self._made
        for name, given in wanted.items():
            layout = layouts.as_layout(name, given)
            options = None if layout is None else layout.to_core()
            made = made.view(_core.Dataset.with_layout, self._schema.position(name), options)
        return self._with(made)

    def multi_hot(
        self: _Self,
        column: str,
        *,
        columns: int,
        pad: int | None = None,
        dtype: object = "float32",
    ) -> _Self:
        """Returns the dataset with rows of indices shown as rows of zeros and ones.

        The indices stay where they are, in memory or in a file of any size, and are checked when
        they are read. What a row names is 1, however often it names it. ``with_layout`` then takes
        "csr", "coo" and "jagged", too: of the same indices.

        Args:
            column: A column of indices: one in a row, a list of a fixed length, or ragged. Floats
                are taken if they are whole numbers, as arrays of indices in files often are.
            columns: How many columns a row then has; every index is below it.
            pad: An index that stands for none, such as -1, where lists of a fixed length are
                filled up; None if there is no such index, and a negative one is an error.
            dtype: Of the zeros and ones.

        Raises:
            InvalidError: If the column holds no indices. When rows are read: for an index that is
                negative, no whole number, or not below `columns`, naming the row.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.array([[2.0, 0.0], [1.0, -1.0]]))
            >>> ds.multi_hot("x", columns=4, pad=-1)["x"][:].tolist()
            [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]]
        """
        position = self._schema.position(column)
        options = layouts.multi_hot(layouts.Dense(dtype=dtype), columns=columns, pad=pad)
        return self._view(_core.Dataset.with_layout, position, options)

    def stack(self: _Self, **columns: Sequence[str]) -> _Self:
        """Returns the dataset with columns side by side in one tensor, such as those of a table.

        Args:
            **columns: The new column, by name, and the columns that it is made of: tensors of one
                dtype and row shape (see `cast`). It stands where the first of them stood, and they
                are gone.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(a=np.arange(3), y=np.zeros(3), b=np.arange(3) * 10)
            >>> ds.stack(x=["a", "b"])
            headrace.Dataset(rows=3, columns=(x: int64[2], y: float64), in memory, 72 B)
            >>> ds.stack(x=["b", "a"])["x"][:].tolist()
            [[0, 0], [10, 1], [20, 2]]
        """
        if not columns:
            raise InvalidError('stack takes lists of columns: ds.stack(x=["a", "b"])')
        if self._as_tuple:
            raise InvalidError(
                "tuple rows have no names for a stack to take; give one to each column first with "
                'ds.as_dict("x", ...)'
            )
        stacked = self
        for name, members in columns.items():
            stacked = stacked._stacked(name, members)
        return stacked

    def _stacked(self: _Self, name: str, members: Sequence[str]) -> _Self:
        if isinstance(members, str) or not isinstance(members, Iterable):
            raise InvalidError(f"stack takes a list of columns, not {members!r}: {name}=[...]")
        positions = [self._schema.position(member) for member in members]
        if not positions or len(set(positions)) < len(positions):
            raise InvalidError(f"stack takes each column once, and at least one; found {members!r}")
        if name in self._schema and self._schema.position(name) not in positions:
            raise InvalidError(
                f"there is a column {name!r} already; give the stack another name", column=name
            )
        return self._view(_core.Dataset.stack, positions, name)
