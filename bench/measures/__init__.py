"""What is measured: each module has variants, and each variant runs once a round."""
