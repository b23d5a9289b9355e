"""Lesson 01: trigger, processor, listener."""
