//! What a kernel proposes.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trace_link::TraceLink;
use crate::contract::codec::derived::stored_in_order;
use crate::contract::codec::value;

/// Something a kernel proposes; it is not a fact until it is promoted.
///
/// In JSON, a `structured_payload` of `Some(Value::Null)` reads back as `None`, and a `confidence`
/// that is not finite is written as `null`; the stored bytes keep both apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelProposal {
    /// The proposal's id.
    pub id: String,
    /// What sort of proposal it is.
    pub kind: ProposalKind,
    /// The proposal as text.
    pub payload: String,
    /// The proposal as data, if the kernel gave any.
    pub structured_payload: Option<Value>,
    /// How it came about.
    pub trace_link: TraceLink,
    /// The contracts it was checked against.
    pub contract_results: Vec<ContractResult>,
    /// Whether a human has to agree.
    pub requires_human: bool,
    /// How sure the kernel is, from 0 to 1.
    pub confidence: Option<f32>,
}

stored_in_order!(KernelProposal {
    id,
    kind,
    payload,
    structured_payload: (value::encode_optional, value::decode_optional),
    trace_link,
    contract_results,
    requires_human,
    confidence,
});

/// What sort of proposal it is.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum ProposalKind {
    /// Statements held to be true.
    Claims,
    /// Steps to take.
    Plan,
    /// A class for something.
    Classification,
    /// A judgement of something.
    Evaluation,
    /// A draft of a text.
    DraftDocument,
    /// A line of thought.
    #[default]
    Reasoning,
}

/// The result of one contract that a proposal was checked against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Encode, Decode)]
#[bincode(crate = "crate::contract::codec::derived")]
pub struct ContractResult {
    /// The contract's name.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// Why it failed, if it did.
    pub failure_reason: Option<String>,
}

/// A step of a chain of decisions.
// The stored bytes hold a variant's position: add variants at the end only.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, Encode, Decode,
)]
#[bincode(crate = "crate::contract::codec::derived")]
pub enum DecisionStep {
    /// Thinking about the matter.
    #[default]
    Reasoning,
    /// Judging what came of it.
    Evaluation,
    /// Deciding what to do.
    Planning,
}
