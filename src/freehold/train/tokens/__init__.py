"""How text becomes tokens: a tokenizer made from the data, and documents packed into windows of equal length."""
