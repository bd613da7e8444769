"""Airflow hooks: the connections by which operators reach other systems."""
