"""What each command does, a module each; ``app.__main__`` has the words."""
