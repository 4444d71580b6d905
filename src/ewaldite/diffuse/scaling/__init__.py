"""Scale factors that make observations of many crystals agree."""
