"""Where looks come from: one file for each kind of source."""
