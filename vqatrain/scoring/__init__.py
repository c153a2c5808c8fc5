"""What answers are worth: evaluation, scores, intervals."""
