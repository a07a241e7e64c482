"""Work that runs beside the served models, under the same budget of memory, and gives way to people.

A `Job` (job.py) is a value with a life; the `Book` (book.py) keeps all of them over restarts; the `Runner` (runner.py)
takes those that wait in order, asks for their memory, and attends to their processes. What kinds of jobs there are
stands in kinds.py.
"""
