"""Kayenta's metric set pairs under the sequential judge, with its verdict as a score that Kayenta understands."""

from canary.pairs.judge import judge_pairs

__all__ = ["judge_pairs"]
