"""Making the project's pretrained weights: what is said, and by which voices."""
