"""Processes that lessons start, slow down, cut off and kill."""
