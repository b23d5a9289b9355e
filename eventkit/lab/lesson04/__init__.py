"""Lesson 04: five ways to wait."""
