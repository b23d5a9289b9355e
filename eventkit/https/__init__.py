"""Receive events over HTTPS from any program that can send a request."""

from .trigger import HttpsTrigger as HttpsTrigger, Received as Received, Refusal as Refusal
