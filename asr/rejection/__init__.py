"""Fits the verifier: examples of commands and of what must be refused, their evidence, and the threshold.

What a device computes is in `asr.runtime.confidence`; here its numbers are fitted, on dev and on negatives of their
own.
"""
