"""From click to chart: enrichment, the drain, partitions, accounts, statistics."""
