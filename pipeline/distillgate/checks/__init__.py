"""What is wrong with a profile's recordings, found before a test runs: one small function a check, no model called."""
