"""Networks as data and as modules; their layers, weights and state."""
