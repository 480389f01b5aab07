"""Who made each artifact, what it must be, and whether two are the same."""
