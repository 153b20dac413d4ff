"""Every LM and fine-tuning call, recorded once and replayed offline."""
