"""One HTML file that tells what a study found: claims, figures with captions, times, and where it comes from."""
