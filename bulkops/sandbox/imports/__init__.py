"""What each import takes and does, one module for imports that work alike."""
