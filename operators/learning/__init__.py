"""What is remembered of canaries and releases, and what was learned from it: labels, history, profiles, risk."""
