"""The config of a study made complete before any job: overlays, checks, and the layers that its network turned out to have."""
