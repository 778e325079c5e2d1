"""Generated from protos/sdn/v1 by ``./dev proto``; nothing here but this line is written by hand."""
