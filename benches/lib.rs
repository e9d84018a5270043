//! Benchmarks only: `cargo bench -p acclaim-benches`.
