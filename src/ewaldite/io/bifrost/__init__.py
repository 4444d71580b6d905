"""Raw files of BIFROST."""
