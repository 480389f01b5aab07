"""One HTML file that tells what a study found: claims, figures with their captions, times and where it all comes from."""
