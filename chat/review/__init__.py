"""What staff see: conversations found and read, feedback, keys, users. It runs no model."""
