"""How fast many models train, here and elsewhere."""
