"""Graph -> Graph: each pass makes a graph smaller or cheaper and keeps its value."""
