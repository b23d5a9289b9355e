"""Lesson 00: the way of a click."""
