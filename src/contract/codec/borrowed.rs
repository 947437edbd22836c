//! bincode's own `BorrowDecode` of the contract's types, as bincode decodes them: a type around them can derive bincode's
//! traits. What they derive themselves is the trait in [`derived`](super::derived).

use bincode::impl_borrow_decode;

use crate::contract::experience_store::{
    ArtifactKind, ContractResultSnapshot, ExperienceEvent, ExperienceEventEnvelope,
    ExperienceEventKind, PolicySnapshot,
};
use crate::contract::governed_artifact::{
    GovernedArtifactState, LifecycleEvent, RollbackImpact, RollbackRecord, RollbackSeverity,
};
use crate::contract::kernel_boundary::{
    AdapterTrace, ContractResult, DataClassification, DecisionStep, ExecutionEnv, KernelPolicy,
    KernelProposal, LocalTraceLink, ProposalKind, RecallTrace, RemoteTraceLink, Replayability,
    ReplayabilityDowngradeReason, RiskTier, RoutingPolicy, SamplerParams, TraceLink,
};
use crate::contract::recall::{
    CandidateScore, RecallBudgets, RecallConsumer, RecallPolicy, RecallProvenanceEnvelope,
    RecallQuery, RecallUse, StopReason,
};

macro_rules! borrowed_as_decoded {
    ($($type:ty),+ $(,)?) => { $(impl_borrow_decode!($type);)+ };
}

borrowed_as_decoded!(
    AdapterTrace,
    ArtifactKind,
    CandidateScore,
    ContractResult,
    ContractResultSnapshot,
    DataClassification,
    DecisionStep,
    ExecutionEnv,
    ExperienceEvent,
    ExperienceEventEnvelope,
    ExperienceEventKind,
    GovernedArtifactState,
    KernelPolicy,
    KernelProposal,
    LifecycleEvent,
    LocalTraceLink,
    PolicySnapshot,
    ProposalKind,
    RecallBudgets,
    RecallConsumer,
    RecallPolicy,
    RecallProvenanceEnvelope,
    RecallQuery,
    RecallTrace,
    RecallUse,
    RemoteTraceLink,
    Replayability,
    ReplayabilityDowngradeReason,
    RiskTier,
    RollbackImpact,
    RollbackRecord,
    RollbackSeverity,
    RoutingPolicy,
    SamplerParams,
    StopReason,
    TraceLink,
);

#[cfg(test)]
mod tests {
    use crate::contract::experience_store::ExperienceEventEnvelope;
    use crate::contract::samples;

    #[test]
    fn a_type_around_an_envelope_can_derive_the_same() {
        #[derive(Debug, PartialEq, bincode::Encode, bincode::Decode)]
        struct Noted {
            note: String,
            envelopes: Vec<ExperienceEventEnvelope>,
        }
        let noted = Noted {
            note: "all of them".into(),
            envelopes: samples::envelopes(),
        };
        let config = bincode::config::standard();
        let bytes = bincode::encode_to_vec(&noted, config).unwrap();
        let (decoded, _) = bincode::decode_from_slice::<Noted, _>(&bytes, config).unwrap();
        let (borrowed, _) = bincode::borrow_decode_from_slice::<Noted, _>(&bytes, config).unwrap();
        assert_eq!([&decoded, &borrowed], [&noted; 2]);
    }
}
