"""The tasks that ship with the project; a user's task lives in the user's own package."""
