//! Looks into a log.

fn main() {}
