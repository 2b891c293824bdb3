"""Derivatives as transformations of graphs: reverse and forward mode."""

from irgrad.autodiff import batch_rules, cond_rules, loop_rules, region_sparsity

__all__ = ["batch_rules", "cond_rules", "loop_rules", "region_sparsity"]
