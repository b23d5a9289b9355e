"""Where a log lives: one module for each kind of place. `open_log` chooses."""
