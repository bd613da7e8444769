"""Learning from history: recorded canaries, replayed under other settings, and what follows for the next ones."""
