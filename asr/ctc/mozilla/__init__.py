"""Mozilla's own trainer, DeepSpeech 0.9.3 on TensorFlow 1.15, run as a program beside ours."""
