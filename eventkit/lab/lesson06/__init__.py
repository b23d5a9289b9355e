"""Lesson 06: measuring response."""
