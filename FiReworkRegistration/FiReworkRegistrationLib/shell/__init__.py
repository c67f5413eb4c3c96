"""What the commands of a shell do; ``cli.py`` puts them together."""
