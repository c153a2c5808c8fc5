"""The report on a data set: one page that a person opens, and the same facts as JSON."""
