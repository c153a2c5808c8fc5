"""Forms in which a trained model is written for others to run. One file a form."""
