"""One HTML file in which a reader explores the tables of a study."""
