"""The demo: four releases of a small service, two of them rolled back by evidence."""
