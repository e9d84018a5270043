//! For tests: a clock, a fault-injecting ledger, the conformance suite, whole engines in process.
