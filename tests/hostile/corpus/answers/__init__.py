"""What orchestrators answer that are none, or not ours: pages, endless bodies, and tasks that nobody would make.

The end is the reason of the Bridge's condition Connected; or, of a task that is handed out, what it is reported to have
come to.
"""

from hostile.corpus.answers.conductor import TASKS
from hostile.corpus.answers.servers import SERVERS
from hostile.corpus.answers.zeebe import JOBS
from hostile.corpus.case import AnswerCase

__all__ = ["ANSWERS"]

ANSWERS: list[AnswerCase] = [*SERVERS, *JOBS, *TASKS]
