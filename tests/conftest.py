"""An Airflow that writes nowhere but into a folder of the tests' own."""

import atexit
import os
import shutil
import tempfile

# Airflow writes its settings into its home when it is imported first.
_AIRFLOW_HOME = tempfile.mkdtemp(prefix="gennaker-airflow-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME
atexit.register(shutil.rmtree, _AIRFLOW_HOME, ignore_errors=True)
