"""Derivatives as transformations of graphs: reverse and forward mode."""

from irgrad.autodiff import batch_rules, cond_rules, loop_rules, region_sparsity, sparsity_rules

__all__ = ["batch_rules", "cond_rules", "loop_rules", "region_sparsity", "sparsity_rules"]
