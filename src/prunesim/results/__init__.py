"""From activations to comparisons, tables and claims."""
