"""What a study is: its config, paths, seeds and code. No arrays."""
