"""What we watch, and the language every room speaks."""
