"""Derivatives as transformations of graphs: reverse and forward mode."""
