"""An OpenAI-compatible endpoint on loopback: real inference and real fine-tuning without an API key."""
