"""How things lie on disk: whole or not at all, and nothing that runs code when it is opened."""
