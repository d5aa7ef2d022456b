"""What the committed vectors say, one file per subject."""
