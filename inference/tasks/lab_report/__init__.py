"""Laboratory reports: a document's results with the place of each on the page, codes from one closed list.

`read` is the task. Rules read tables and lines; a model is asked only for what they leave over, and
believed only where its digits stand on the page. Knows nothing of messages, resources or stores.
"""

from inference.runs import Help
from inference.tasks.lab_report.acquisition import document_of
from inference.tasks.lab_report.settling import Terms
from inference.tasks.lab_report.task import ID, NO_MODEL, VERSION, read

__all__ = ["ID", "NO_MODEL", "VERSION", "Help", "Terms", "document_of", "read"]
