"""What runs a model: local, remote, or a scripted double that ships."""
