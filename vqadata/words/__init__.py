"""What is looked at without looking at pictures: the words of questions and answers."""
