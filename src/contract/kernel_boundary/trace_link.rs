//! How an output came about, with what is needed to run it again.

use std::collections::HashMap;

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::replayability::Replayability;
use crate::contract::codec::derived::stored_in_order;
use crate::contract::codec::maps;

/// How an output came about: on this machine, or at a provider.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
#[serde(tag = "type")]
pub enum TraceLink {
    /// A model that ran here.
    Local(LocalTraceLink),
    /// A provider's model.
    Remote(RemoteTraceLink),
}

impl TraceLink {
    /// Whether the trace may be replayed at all: only a local one may.
    #[must_use]
    pub const fn is_replay_eligible(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// How far the trace can be replayed: a local one fully, a remote one as far as it says.
    #[must_use]
    pub const fn replayability(&self) -> Replayability {
        match self {
            Self::Local(_) => Replayability::Deterministic,
            Self::Remote(remote) => remote.replayability,
        }
    }
}

/// The trace of a model that ran on this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct LocalTraceLink {
    /// The hash of the base model's weights.
    pub base_model_hash: String,
    /// The adapter that was loaded, if any.
    pub adapter: Option<AdapterTrace>,
    /// The hash of the tokenizer.
    pub tokenizer_hash: String,
    /// The seed of the sampler.
    pub seed: u64,
    /// How the next token was chosen.
    pub sampler: SamplerParams,
    /// The version of the prompt.
    pub prompt_version: String,
    /// What was recalled into the prompt, if anything.
    pub recall: Option<RecallTrace>,
    /// Whether the run changed the weights.
    pub weights_mutated: bool,
    /// What it ran on.
    pub execution_env: ExecutionEnv,
}

/// The trace of a call to a provider's model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemoteTraceLink {
    /// The provider.
    pub provider_name: String,
    /// The provider's name of the model.
    pub provider_model_id: String,
    /// The fingerprint of the request.
    pub request_fingerprint: String,
    /// The fingerprint of the response.
    pub response_fingerprint: String,
    /// The temperature that was asked for.
    pub temperature: f32,
    /// The share of probability that tokens were chosen from.
    pub top_p: f32,
    /// At most so many tokens were to be written.
    pub max_tokens: usize,
    /// What else the provider said, by name.
    #[serde(serialize_with = "maps::serialize_sorted")]
    pub provider_metadata: HashMap<String, String>,
    /// Whether the call was repeated.
    pub retried: bool,
    /// Why it was repeated, once for each time.
    pub retry_reasons: Vec<String>,
    /// How far the call can be replayed.
    pub replayability: Replayability,
}

stored_in_order!(RemoteTraceLink {
    provider_name,
    provider_model_id,
    request_fingerprint,
    response_fingerprint,
    temperature,
    top_p,
    max_tokens,
    provider_metadata: (maps::encode, maps::decode),
    retried,
    retry_reasons,
    replayability,
});

/// Which adapter was loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct AdapterTrace {
    /// The adapter's id.
    pub adapter_id: String,
    /// The hash of the adapter's weights.
    pub adapter_hash: String,
    /// Whether it was merged into the base model.
    pub merged: bool,
}

/// How the next token was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct SamplerParams {
    /// The temperature; 0 always takes the likeliest token.
    pub temperature: f32,
    /// The share of probability that tokens were chosen from.
    pub top_p: f32,
    /// How many of the likeliest tokens were chosen from; `None` means all.
    pub top_k: Option<usize>,
}

impl Default for SamplerParams {
    /// Always the likeliest token.
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: None,
        }
    }
}

/// What was recalled into a prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct RecallTrace {
    /// The fingerprint of the corpus.
    pub corpus_fingerprint: String,
    /// What was found.
    pub candidate_ids: Vec<String>,
    /// How well each matched, in the same order.
    pub candidate_scores: Vec<f32>,
    /// How many of them went into the prompt.
    pub injected_count: usize,
}

/// What a model ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct ExecutionEnv {
    /// The device, such as `cpu`.
    pub device: String,
    /// The library that computed, such as `ndarray`.
    pub backend: String,
    /// The precision of the numbers, such as `f32`.
    pub precision: String,
}

impl Default for ExecutionEnv {
    /// The processor, with `ndarray`, in `f32`.
    fn default() -> Self {
        Self {
            device: "cpu".to_string(),
            backend: "ndarray".to_string(),
            precision: "f32".to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::samples;

    #[test]
    fn only_a_local_trace_is_replay_eligible() {
        let local = TraceLink::Local(samples::local_trace());
        assert!(local.is_replay_eligible());
        assert_eq!(local.replayability(), Replayability::Deterministic);

        for replayability in [
            Replayability::Deterministic,
            Replayability::BestEffort,
            Replayability::None,
        ] {
            let remote = TraceLink::Remote(RemoteTraceLink {
                replayability,
                ..samples::remote_trace()
            });
            assert!(!remote.is_replay_eligible());
            assert_eq!(remote.replayability(), replayability);
        }
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        assert_eq!(
            serde_json::to_string(&SamplerParams::default()).unwrap(),
            r#"{"temperature":0.0,"top_p":1.0,"top_k":null}"#
        );
        assert_eq!(
            serde_json::to_string(&ExecutionEnv::default()).unwrap(),
            r#"{"device":"cpu","backend":"ndarray","precision":"f32"}"#
        );
    }
}
