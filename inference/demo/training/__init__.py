"""How the demonstration checkpoints were made: run by hand, never at work.

Each module is a program: `python -m inference.demo.training.medasr OUT` trains, and `OUT --evaluate` prints
the figures of its card again. They need the extras audio and models; speech also needs espeak-ng and flite.
"""
