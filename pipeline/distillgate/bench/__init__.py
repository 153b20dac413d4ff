"""What replay costs on this machine, each figure a ratio inside one run: `distillgate bench`."""
