"""Lesson 12: the capstone."""
