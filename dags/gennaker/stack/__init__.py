"""The local stack: Airflow's four components and MLflow, supervised, on loopback only."""
