"""Mixed requests at a given rate, whether they are answered or not: what a crowd does."""
