"""The IAM policy that a catalogue needs."""
