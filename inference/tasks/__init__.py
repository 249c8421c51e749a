"""One clinical question each: prompt, schema and parse, versioned together."""
