"""The sequential judge: evidence that stays right however often it is looked at."""
