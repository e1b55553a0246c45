"""Measurements of speed, each against something else that runs in the same minutes."""
