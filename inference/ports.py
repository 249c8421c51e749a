"""What a task asks of a model, as protocols that belong to the tasks; backends answer to them."""
