"""A verb each: reads arguments, calls one function."""
