"""Agents: what they are, and what they can do on this machine without doing harm.

A `Definition` (definition.py) is what a person wrote about an agent in a small file. Its tools (tools.py) are plain
functions with a schema each; those that run code run it in the `sandbox` (sandbox.py), which is there in full or not at
all. Files are reached through `Folder` (folder.py), from which no path leads out.
"""
