"""The parts of a diagnosis: one file for each signal that is read, and the pure rules that weigh what was found."""
