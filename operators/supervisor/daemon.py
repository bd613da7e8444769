"""Becomes supervisord; run as a module with `supervisord.conf` in the working directory.

Ends with its starter for as long as it is not a daemon yet: a starter that was killed released
its lock, and the next one must not start a second supervisord beside a first that is on its way.
"""

from supervisor import supervisord

from operators.supervisor.launch import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    supervisord.main(["-c", "supervisord.conf"])
