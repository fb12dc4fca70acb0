"""How fast the service is and what it waits for, from two looks at the metrics: over HTTP for
operators, in a terminal, on a page. Whoever announces a metric appears in it; nothing is imported
from those who do."""
