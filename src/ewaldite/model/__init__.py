"""The vocabulary of both chains."""
