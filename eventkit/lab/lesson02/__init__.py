"""Lesson 02: the live counter."""
