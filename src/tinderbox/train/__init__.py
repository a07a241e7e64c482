"""Training on the box: a `Recipe` (recipe.py) says everything about a run, `dataset.py` checks what it learns from, and
language.py trains, as a job in the environment `train`. What outlives a kill is in checkpoint.py.

Nothing here imports torch at its top: the box reads recipes and data, and only a job's process trains.
"""
