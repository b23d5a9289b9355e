"""The replay: recorded events that move from part to part."""
