"""Where records end, whatever their quotes are like."""
