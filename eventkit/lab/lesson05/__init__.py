"""Lesson 05: shared state."""
