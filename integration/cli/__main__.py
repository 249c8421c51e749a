"""`python -m integration.cli` is `wardwire`."""

from integration.cli.main import main

main()
