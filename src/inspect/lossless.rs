//! What JSON cannot say.

use crate::contract::experience_store::{ExperienceEvent, PolicySnapshot};
use crate::contract::kernel_boundary::{LocalTraceLink, TraceLink};

/// The field of `event` whose number JSON has no form for (NaN or an infinity), if there is one. The JSON of
/// such an event is not the event: it has `null` there.
#[must_use]
pub fn json_loss(event: &ExperienceEvent) -> Option<&'static str> {
    let lost = |field: &'static str, number: f64| (!number.is_finite()).then_some(field);
    match event {
        ExperienceEvent::ProposalCreated { proposal, .. } => proposal
            .confidence
            .and_then(|number| lost("proposal.confidence", number.into()))
            .or_else(|| trace_loss(&proposal.trace_link)),
        ExperienceEvent::TraceLinkRecorded { trace_link, .. } => trace_loss(trace_link),
        ExperienceEvent::RecallExecuted { provenance, .. } => provenance
            .candidate_scores
            .iter()
            .find_map(|candidate| lost("provenance.candidate_scores.score", candidate.score)),
        ExperienceEvent::PolicySnapshotCaptured { policy, .. } => match policy {
            PolicySnapshot::Kernel(policy) => {
                lost("policy.recall_min_score", policy.recall_min_score.into())
            }
            PolicySnapshot::Recall(policy) => {
                lost("policy.min_score_threshold", policy.min_score_threshold)
            }
            PolicySnapshot::Routing(_) => None,
        },
        ExperienceEvent::ProposalValidated { .. }
        | ExperienceEvent::FactPromoted { .. }
        | ExperienceEvent::ReplayabilityDowngraded { .. }
        | ExperienceEvent::ArtifactStateTransitioned { .. }
        | ExperienceEvent::ArtifactRollbackRecorded { .. }
        | ExperienceEvent::BackendInvoked { .. }
        | ExperienceEvent::OutcomeRecorded { .. }
        | ExperienceEvent::BudgetExceeded { .. } => None,
    }
}

fn trace_loss(link: &TraceLink) -> Option<&'static str> {
    let lost = |field: &'static str, number: f32| (!number.is_finite()).then_some(field);
    match link {
        TraceLink::Local(LocalTraceLink {
            sampler, recall, ..
        }) => {
            let scores = recall.iter().flat_map(|recall| &recall.candidate_scores);
            lost("trace_link.sampler.temperature", sampler.temperature)
                .or_else(|| lost("trace_link.sampler.top_p", sampler.top_p))
                .or_else(|| {
                    let field = "trace_link.recall.candidate_scores";
                    scores.copied().find_map(|score| lost(field, score))
                })
        }
        TraceLink::Remote(remote) => lost("trace_link.temperature", remote.temperature)
            .or_else(|| lost("trace_link.top_p", remote.top_p)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::kernel_boundary::RecallTrace;
    use crate::contract::recall::CandidateScore;
    use crate::contract::samples;

    /// Whether the JSON of an event is read back as the same event.
    fn survives(event: &ExperienceEvent) -> bool {
        let json = serde_json::to_string(event).unwrap();
        serde_json::from_str::<ExperienceEvent>(&json).is_ok_and(|read| read == *event)
    }

    #[test]
    fn finite_events_lose_nothing() {
        for event in samples::events() {
            assert_eq!(json_loss(&event), None);
            assert!(survives(&event));
        }
    }

    #[test]
    fn every_float_of_the_contract_is_looked_at() {
        let mut lossy = Vec::new();
        for event in samples::events() {
            match event {
                ExperienceEvent::ProposalCreated {
                    mut proposal,
                    chain_id,
                    step,
                    policy_snapshot_hash,
                } => {
                    proposal.confidence = Some(f32::NAN);
                    lossy.push(ExperienceEvent::ProposalCreated {
                        proposal,
                        chain_id,
                        step,
                        policy_snapshot_hash,
                    });
                }
                ExperienceEvent::RecallExecuted {
                    query,
                    mut provenance,
                    trace_link_id,
                } => {
                    provenance.candidate_scores = vec![CandidateScore {
                        id: "c".into(),
                        score: f64::INFINITY,
                    }];
                    lossy.push(ExperienceEvent::RecallExecuted {
                        query,
                        provenance,
                        trace_link_id,
                    });
                }
                ExperienceEvent::PolicySnapshotCaptured {
                    policy_id,
                    policy: PolicySnapshot::Kernel(mut policy),
                    snapshot_hash,
                    captured_by,
                } => {
                    policy.recall_min_score = f32::NAN;
                    lossy.push(ExperienceEvent::PolicySnapshotCaptured {
                        policy_id,
                        policy: PolicySnapshot::Kernel(policy),
                        snapshot_hash,
                        captured_by,
                    });
                }
                _ => {}
            }
        }
        let mut recall = samples::local_trace();
        recall.recall = Some(RecallTrace {
            corpus_fingerprint: "f".into(),
            candidate_ids: vec!["c".into()],
            candidate_scores: vec![f32::NAN],
            injected_count: 1,
        });
        let trace = |trace_link| ExperienceEvent::TraceLinkRecorded {
            trace_link_id: "t".into(),
            trace_link,
        };
        lossy.push(trace(TraceLink::Local(recall)));
        let mut remote = samples::remote_trace();
        remote.top_p = f32::NEG_INFINITY;
        lossy.push(trace(TraceLink::Remote(remote)));
        let mut remote = samples::remote_trace();
        remote.temperature = f32::NAN;
        lossy.push(trace(TraceLink::Remote(remote)));
        let mut local = samples::local_trace();
        local.sampler.top_p = f32::NAN;
        lossy.push(trace(TraceLink::Local(local)));
        let mut local = samples::local_trace();
        local.sampler.temperature = f32::NAN;
        lossy.push(trace(TraceLink::Local(local)));
        assert!(lossy.len() >= 6);
        for event in lossy {
            assert!(json_loss(&event).is_some(), "{event:?}");
            assert!(!survives(&event), "{event:?}");
        }
    }
}
