"""A user's session with the panel, played by a program in a running application, with a line for each check."""
