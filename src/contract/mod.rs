//! What is recorded: the contract's types, in JSON and as stored bytes.
//!
//! Pure data without I/O. [`experience_store`] holds the envelope, its events, the queries and the
//! traits; [`kernel_boundary`], [`recall`] and [`governed_artifact`] hold what the events carry.
//! Every type has two encodings: serde gives the JSON of the contract, and [`codec`] gives the
//! compact bytes that a log keeps.

pub mod codec;
pub mod experience_store;
pub mod governed_artifact;
pub mod kernel_boundary;
pub mod recall;

#[cfg(test)]
mod json_shape;
#[cfg(test)]
pub(crate) mod samples;
