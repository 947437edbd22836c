//! What a recall searches for.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::contract::kernel_boundary::DecisionStep;

/// What a recall searches for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RecallQuery {
    /// The text to match.
    pub query_text: String,
    /// At most so many candidates.
    pub top_k: usize,
    /// The step of the chain that asks, if known.
    pub step_context: Option<DecisionStep>,
    /// The tenant whose corpus is searched.
    pub tenant_scope: Option<String>,
}
