"""Derivatives as transformations of graphs: reverse and forward mode."""

from irgrad.autodiff import batch_rules, cond_rules, loop_rules

__all__ = ["batch_rules", "cond_rules", "loop_rules"]
