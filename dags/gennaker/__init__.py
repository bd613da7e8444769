"""The library behind the pipelines: YAML to model to DAG, the command line, and the stack."""
