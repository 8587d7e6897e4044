"""What persons do with scorecards: verdicts, corrected text, reviews, publications, appeals, and the editing of rules.

Everything here is appended with a name and a reason; nothing that the program or a person found is ever overwritten.
"""
