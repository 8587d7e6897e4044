"""The language of rule books: when a rule holds, what it looks for, what it is worth."""
