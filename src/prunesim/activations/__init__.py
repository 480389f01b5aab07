"""What the hidden layers of a network answer: which images and positions, and the files."""
