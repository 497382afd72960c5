"""`python -m wuerst` is the command."""

from ._command import main

main()
