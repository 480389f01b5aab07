"""Which weights go, as masks, and where training starts again. No PyTorch but in `sensitivity.py`."""
