"""Lesson 09: the event list."""
