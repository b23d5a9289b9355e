"""Lesson 00: the journey of a click."""
