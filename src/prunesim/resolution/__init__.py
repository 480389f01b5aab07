"""The config of a study made complete before any job: overlays, checks, the layers of its network."""
