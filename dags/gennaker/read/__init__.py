"""YAML files -> resolved pipelines, or clear errors with file, line and column."""

from gennaker.read.library import Library, load, resolve_file

__all__ = ["Library", "load", "resolve_file"]
