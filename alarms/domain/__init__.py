"""Shared nouns: frozen dataclasses, standard library only."""
