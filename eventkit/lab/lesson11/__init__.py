"""Lesson 11: secure events."""
