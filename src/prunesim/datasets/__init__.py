"""Data sets: found or downloaded, checked, and converted once into plain arrays."""
