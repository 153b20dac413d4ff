"""The example: a news classifier, its data rules and its task; what a user's own package looks like."""
