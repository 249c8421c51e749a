"""Ways in: MLLP, HTTP hooks, folders. Each hands bytes to the one door and knows nothing of the others."""
