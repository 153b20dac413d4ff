"""Stages run: each on demand, once, over its tape."""
