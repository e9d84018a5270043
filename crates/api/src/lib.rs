//! The HTTP API: router, extractors, wire types, the one table of errors.
