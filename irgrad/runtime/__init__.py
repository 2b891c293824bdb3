"""From a graph to a callable: backends, compiled functions, and the transformations that users
write.
"""
