"""Where requests leave the process, and how the recorder gets to see them."""
