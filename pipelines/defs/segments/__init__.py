"""Saved segments and their sizes."""
