"""Figures and data for simmer, from result files alone.

`python -m analysis plot RESULT` draws; `python -m analysis.fetch_data spambase` downloads.
This module imports nothing, so that a command needs only the packages it uses.
"""
