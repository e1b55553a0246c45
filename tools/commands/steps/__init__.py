"""The steps from the user's files to a tested model, each put together from the rooms."""
