"""Programs of the field in ordinary NumPy: none of them knows irgrad."""
