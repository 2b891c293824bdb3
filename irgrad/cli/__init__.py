"""The command `irgrad`."""

from irgrad.cli.main import main

__all__ = ["main"]
