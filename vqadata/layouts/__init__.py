"""File layouts that several sources share; a source adds what is special to its data set."""
