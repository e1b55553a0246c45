"""Importers: published corpora and the tables of other projects become a recordings.csv, a module for each kind."""
