"""What happens with a batch inside its transaction."""
