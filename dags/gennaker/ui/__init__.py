"""What Gennaker adds to Airflow's UI: the reports of a run's canaries."""
