"""What a program is: types, ops, graphs, the verifier, and the text, JSON and hash of a graph."""
