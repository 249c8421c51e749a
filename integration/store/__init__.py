"""What is on disk: messages, payloads, the audit chain, results. sqlmodel and SQL stay in here."""
