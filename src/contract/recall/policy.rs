//! What a recall may do, and for whom.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a recall may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RecallPolicy {
    /// Whether recall is allowed at all.
    pub enabled: bool,
    /// At most so many candidates in all.
    pub max_k_total: usize,
    /// At most so many tokens go into the prompt.
    pub max_tokens_injection: usize,
    /// Candidates that match less well are dropped.
    pub min_score_threshold: f64,
    /// What a recall may spend.
    pub budgets: RecallBudgets,
    /// What the result may be used for; [`RecallUse::RuntimeAugmentation`] alone if JSON says
    /// nothing.
    #[serde(default = "runtime_augmentation_only")]
    pub allowed_uses: Vec<RecallUse>,
}

fn runtime_augmentation_only() -> Vec<RecallUse> {
    vec![RecallUse::RuntimeAugmentation]
}

/// What a recall may spend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RecallBudgets {
    /// At most so many milliseconds.
    pub max_latency_ms: u64,
    /// At most so many calls of the embedder.
    pub max_embedding_calls: usize,
    /// At most so many tokens of one candidate.
    pub max_tokens_per_candidate: usize,
}

/// What the result of a recall is used for.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum RecallUse {
    /// A prompt at run time.
    #[default]
    RuntimeAugmentation,
    /// The choice of training data.
    TrainingCandidateSelection,
}

/// Who uses the result of a recall.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum RecallConsumer {
    /// The kernel.
    #[default]
    Kernel,
    /// Analytics.
    Analytics,
    /// A trainer.
    Trainer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_default_to_runtime_augmentation() {
        let json = r#"{"enabled":true,"max_k_total":5,"max_tokens_injection":100,
            "min_score_threshold":0.25,"budgets":{"max_latency_ms":10,"max_embedding_calls":1,
            "max_tokens_per_candidate":50}}"#;
        let policy: RecallPolicy = serde_json::from_str(json).unwrap();
        assert_eq!(policy.allowed_uses, [RecallUse::RuntimeAugmentation]);
    }
}
