"""The firmware on this machine: built for a Cortex-M4, run in QEMU, measured."""
