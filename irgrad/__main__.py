"""`python -m irgrad`: the command line."""

import sys

from irgrad.cli import main

if __name__ == "__main__":
    sys.exit(main())
