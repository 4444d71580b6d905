"""Pure functions of the geometry of an experiment."""
