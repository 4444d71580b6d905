"""Running shards: budget, executors, checkpoints, progress; knows no instrument."""
