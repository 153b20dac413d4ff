"""A shop's support bot."""
