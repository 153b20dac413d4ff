"""One module a step of the distillation; none knows of pytest, cassettes or where a model runs."""
