"""Golden rows made of a program's logs (extra: logs): read, un-format, check, mask, split, sample, write."""
