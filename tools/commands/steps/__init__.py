"""The steps from the user's files to a tested model, each put together from the rooms.

With tools.commands.cli and tools.commands.verbs, these are the only modules of asr that know lm, datasets and export.
"""
