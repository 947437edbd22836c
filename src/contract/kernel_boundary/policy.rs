//! What a kernel may do, and which backend serves what.

use std::cmp::Ordering;
use std::collections::HashMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::contract::codec::derived::stored_in_order;
use crate::contract::codec::maps::{self, CanonicalKey};

/// What a kernel may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct KernelPolicy {
    /// The adapter to load, if any.
    pub adapter_id: Option<String>,
    /// Whether the kernel may recall.
    pub recall_enabled: bool,
    /// At most so many candidates from a recall.
    pub recall_max_candidates: usize,
    /// Candidates that match less well are dropped.
    pub recall_min_score: f32,
    /// The seed of the sampler; `None` leaves it to chance.
    pub seed: Option<u64>,
    /// Whether a human has to agree.
    pub requires_human: bool,
    /// What has to hold before a proposal is promoted.
    pub required_truths: Vec<String>,
}

/// Which backend serves what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoutingPolicy {
    /// The backend preferred for a truth.
    #[serde(serialize_with = "maps::serialize_sorted")]
    pub truth_preferences: HashMap<String, String>,
    /// The backends allowed for a tier of risk.
    #[serde(serialize_with = "maps::serialize_sorted")]
    pub risk_tier_backends: HashMap<RiskTier, Vec<String>>,
    /// The backends allowed for a class of data.
    #[serde(serialize_with = "maps::serialize_sorted")]
    pub data_classification_backends: HashMap<DataClassification, Vec<String>>,
    /// The backend for everything else.
    pub default_backend: String,
}

stored_in_order!(RoutingPolicy {
    truth_preferences: (maps::encode, maps::decode),
    risk_tier_backends: (maps::encode, maps::decode),
    data_classification_backends: (maps::encode, maps::decode),
    default_backend,
});

/// How much is at stake.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum RiskTier {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// Everything.
    Critical,
}

impl CanonicalKey for RiskTier {
    fn canonical_cmp(&self, other: &Self) -> Ordering {
        let position = |tier: &Self| match tier {
            Self::Low => 0,
            Self::Medium => 1,
            Self::High => 2,
            Self::Critical => 3,
        };
        position(self).cmp(&position(other))
    }
}

/// Who may see the data.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum DataClassification {
    /// Anyone.
    Public,
    /// Anyone in the organization.
    Internal,
    /// Those who need it.
    Confidential,
    /// Those who are named.
    Restricted,
}

impl CanonicalKey for DataClassification {
    fn canonical_cmp(&self, other: &Self) -> Ordering {
        let position = |class: &Self| match class {
            Self::Public => 0,
            Self::Internal => 1,
            Self::Confidential => 2,
            Self::Restricted => 3,
        };
        position(self).cmp(&position(other))
    }
}
