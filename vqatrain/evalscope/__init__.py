"""EvalScope evaluates a served model."""
