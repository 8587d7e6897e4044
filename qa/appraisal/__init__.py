"""What becomes of scorecards in appraisals: the month's figures of agents and teams, acknowledgements, sign-offs, closing, tables to take
away."""
