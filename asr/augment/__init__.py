"""Data augmentation: other voices, rooms, noise and microphones for each clip.

Every effect is a pure function of float32 samples [n] at 16 kHz and numbers or a NumPy generator. In the order in which
they are applied: `voice`, `room`, `noise` (with `scenes` for synthetic and `sounds` for recorded noise), `microphone`.
`chain` draws them by the workspace's settings; `masks` is SpecAugment on the features.
"""
