"""What a study is doing, how far it is and why it ended: from files alone, which are only read."""
