"""Who fine-tunes a student."""
