"""What people look at: drawings, explorers, cost and profile of a graph."""
