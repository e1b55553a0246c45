"""Single words on a microcontroller: features, network, training, evaluation."""
