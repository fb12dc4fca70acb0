"""What Rallypoint is measured against."""
