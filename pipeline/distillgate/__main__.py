"""`python -m distillgate` is the command `distillgate`."""

import sys

from distillgate.cli import main

if __name__ == "__main__":
    sys.exit(main())
