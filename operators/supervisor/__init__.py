"""Programs that outlive whoever started them, on supervisord."""

from operators.supervisor.program import Program, ProgramState, State
from operators.supervisor.supervisor import Supervisor

__all__ = ["Program", "ProgramState", "State", "Supervisor"]
