//! How the answer of a recall came about.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::policy::{RecallConsumer, RecallUse};

/// How the answer of a recall came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RecallProvenanceEnvelope {
    /// The hash of the query.
    pub query_hash: String,
    /// The hash of what was given to the embedder.
    pub embedding_input_hash: String,
    /// The hash of the embedding.
    pub embedding_hash: String,
    /// The embedder.
    pub embedder_id: String,
    /// The hash of the embedder's settings.
    pub embedder_settings_hash: String,
    /// The fingerprint of the corpus.
    pub corpus_fingerprint: String,
    /// The hash of the policy in force.
    pub policy_snapshot_hash: String,
    /// What the answer is for; the default if JSON says nothing.
    #[serde(default)]
    pub purpose: RecallUse,
    /// Who uses it; nobody if JSON says nothing.
    #[serde(default)]
    pub consumers: Vec<RecallConsumer>,
    /// What was found, and how well each matched.
    pub candidate_scores: Vec<CandidateScore>,
    /// How many candidates were looked at.
    pub candidates_searched: usize,
    /// How many were returned.
    pub candidates_returned: usize,
    /// Why the search ended, if that was recorded.
    pub stop_reason: Option<StopReason>,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// When it ran, as the recall says.
    pub timestamp: String,
    /// The signature over this record; `unsigned` if JSON says nothing.
    #[serde(default = "unsigned")]
    pub signature: String,
}

fn unsigned() -> String {
    "unsigned".to_string()
}

/// A candidate, and how well it matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct CandidateScore {
    /// The candidate.
    pub id: String,
    /// How well it matched; higher is better.
    pub score: f64,
}

/// Why a search ended.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum StopReason {
    /// As many candidates as were asked for.
    ReachedTopK,
    /// A budget was used up.
    BudgetExhausted,
    /// The rest matched too badly.
    BelowThreshold,
    /// No more tokens may go into the prompt.
    TokenLimitReached,
    /// It took too long.
    LatencyExceeded,
    /// The embedder is not deterministic.
    EmbedderNotDeterministic,
    /// No tenant was named.
    TenantScopeMissing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_producers_left_out_has_defaults() {
        let json = r#"{"query_hash":"a","embedding_input_hash":"b","embedding_hash":"c",
            "embedder_id":"d","embedder_settings_hash":"e","corpus_fingerprint":"f",
            "policy_snapshot_hash":"g","candidate_scores":[],"candidates_searched":0,
            "candidates_returned":0,"stop_reason":null,"latency_ms":1,"timestamp":"t"}"#;
        let provenance: RecallProvenanceEnvelope = serde_json::from_str(json).unwrap();
        assert_eq!(provenance.purpose, RecallUse::RuntimeAugmentation);
        assert_eq!(provenance.consumers, []);
        assert_eq!(provenance.signature, "unsigned");
    }
}
