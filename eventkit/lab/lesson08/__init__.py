"""Lesson 08: fewer events."""
