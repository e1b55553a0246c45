"""Augmentation: what a clip could have sounded like, from another mouth, in another room, through another
microphone.

Every effect is a pure function of float32 samples [n] at 16 kHz and numbers or a NumPy generator; the modules
go in the order in which the real world does: `voice`, `room`, `noise` (with `scenes` for noise made here and
`sounds` for recorded noise), `microphone`. `chain` draws them by the workspace's settings, and `masks` hides
parts of the features afterwards.
"""
