//! The binary acclaim: roles and tools, configuration and wiring.
