"""An extension of irgrad by somebody else."""
