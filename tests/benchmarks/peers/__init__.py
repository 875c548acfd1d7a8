"""This package compared with other storage libraries: ``make bench-peers`` measures, and writes table and chart."""
