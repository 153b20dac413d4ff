"""What runs came to, as values."""
