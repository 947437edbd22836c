//! How far a trace can be replayed.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Whether running a trace again gives the same output.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum Replayability {
    /// It gives the same output.
    Deterministic,
    /// It may give the same output.
    BestEffort,
    /// It cannot be run again.
    #[default]
    None,
}

/// Why a trace is less replayable than was thought.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum ReplayabilityDowngradeReason {
    /// The recall's embedder is not deterministic.
    RecallEmbedderNotDeterministic,
    /// The recall's corpus is not addressed by its content.
    RecallCorpusNotContentAddressed,
    /// A remote backend took part.
    RemoteBackendUsed,
    /// No seed was given.
    NoSeedProvided,
    /// More than one of these.
    MultipleReasons,
}
