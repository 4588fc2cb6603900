"""Real BIRD speakers in network namespaces: what a plan does to them is measured, not modelled."""
