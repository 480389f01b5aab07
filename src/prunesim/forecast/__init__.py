"""What a study will take, from its config alone."""
