"""Lesson 07: message queues."""
