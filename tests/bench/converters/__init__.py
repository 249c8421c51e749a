"""Scripts that convert messages, each run by the Python of the environment that has its library."""
