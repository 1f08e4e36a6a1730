"""Models as judges of answers: how they are asked, what they are measured by, and what is made of their errors."""
