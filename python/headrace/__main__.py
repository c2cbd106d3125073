"""``python -m headrace``: the command line where no ``headrace`` is on the PATH."""

import sys

from headrace.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
