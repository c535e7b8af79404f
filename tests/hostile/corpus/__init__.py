"""The corpus, by kinds."""

from typing import Final

from hostile.corpus.answers import ANSWERS
from hostile.corpus.case import Case
from hostile.corpus.orders import ORDERS
from hostile.corpus.requests import REQUESTS
from hostile.corpus.schemas import SCHEMAS
from hostile.corpus.scripts import SCRIPTS
from hostile.corpus.tasks import TASKS
from hostile.corpus.variables import VARIABLES

__all__ = ["CORPUS"]

CORPUS: Final[tuple[Case, ...]] = (*SCHEMAS, *VARIABLES, *SCRIPTS, *REQUESTS, *ORDERS, *ANSWERS, *TASKS)
