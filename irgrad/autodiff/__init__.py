"""Derivatives as transformations of graphs: reverse and forward mode."""

from irgrad.autodiff import cond_rules, loop_rules

__all__ = ["cond_rules", "loop_rules"]
