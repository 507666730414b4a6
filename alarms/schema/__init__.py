"""The pydantic models of the YAML files: strict, nothing unknown allowed. Pydantic lives here and nowhere else."""
