"""Build the firmware for a Cortex-M4, run it in QEMU, and measure it."""
