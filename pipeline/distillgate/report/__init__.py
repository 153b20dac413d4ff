"""How results are shown; nothing here calls a model."""
