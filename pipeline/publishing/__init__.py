"""A run's results, gathered and written where people open them."""
