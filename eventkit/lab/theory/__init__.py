"""The theory that lessons compare runs with: queueing, and all orders of steps."""

from . import interleavings as interleavings, queueing as queueing
