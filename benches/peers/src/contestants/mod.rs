//! The contestants, each in the layout that someone who knows it well would pick.

pub mod fjall;
pub mod floor;
pub mod heed;
mod memory;
pub mod ours;
pub mod redb;
#[cfg(feature = "event-stores")]
pub mod sierradb;
pub mod sled;
pub mod sqlite;
mod tables;
#[cfg(feature = "event-stores")]
pub mod umadb;

/// Events that most questions find at the most. Envelopes are large, and a vector that grows copies them.
const ROOM: usize = 64;
