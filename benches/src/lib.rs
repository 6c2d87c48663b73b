//! Benchmarks of Tollgate.
