"""The function that ECS asks, in the middle of a deployment, whether the new tasks may have traffic. Standard library only."""
