"""Lesson 10: the distributed bus."""
