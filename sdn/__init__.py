"""A software-defined networking controller: tenant networks and connectivity requests on Open vSwitch."""

__version__ = "0.1.0"
