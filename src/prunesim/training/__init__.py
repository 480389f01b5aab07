"""Training and retraining, on what remains of a network."""
