"""One file a figure; they read tables only."""
