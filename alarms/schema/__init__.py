"""The YAML's models: strict, with places for errors. The only home of pydantic."""
