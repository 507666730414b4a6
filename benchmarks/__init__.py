"""What speed and size are held to: ratios against a floor measured in the same run."""
