"""Random tests with fresh seeds, for as long as wanted: `make soak`."""
