"""Files: the only place that touches paths."""
