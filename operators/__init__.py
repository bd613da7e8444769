"""Airflow operators, one file a stage, and what they stand on: clouds, records, the journal."""
