"""irgrad beside its peers and beside the machine: `python -m benchmarks --help`."""
