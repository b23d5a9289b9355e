"""Lesson 03: blocking and non-blocking."""
