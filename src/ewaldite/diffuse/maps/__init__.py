"""The merged table as maps."""
