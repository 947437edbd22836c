//! Agents of the Converge runtime at work, and what is left of it: run this twice on one directory, then look.
//!
//! ```text
//! cargo run -p converge-experience-log --example engine -- agent.log
//! cargo run -p converge-experience-log --example engine -- agent.log
//! cargo run --bin explog -- runs agent.log
//! ```
//!
//! Each run is a process of its own. It begins with what the runs before it have left to recall.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use converge_core::gates::hitl::{GateDecision, TimeoutPolicy};
use converge_core::recall::{RecallCandidate, RecallPolicy, RecallQuery, recall_from_store};
use converge_core::{
    AgentEffect, Context, ContextKey, ContextState, Criterion, CriterionEvaluator, CriterionResult,
    Engine, EngineHitlPolicy, ExperienceStore, ProposedFact, Provenance, RunResult, Suggestor,
    TextPayload, Timestamp, TypesBudgets, TypesIntentId, TypesIntentKind, TypesRootIntent,
    TypesRunHooks, UserExperienceEvent, UserExperienceEventEnvelope,
};
use converge_experience_log::{ConvergeLog, LogObserver};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// An agent that says one thing, once there is something to say it about.
struct Agent {
    name: &'static str,
    reads: Vec<ContextKey>,
    writes: ContextKey,
    says: String,
}

impl Agent {
    fn new(name: &'static str, reads: Option<ContextKey>, writes: ContextKey, says: &str) -> Self {
        Self {
            name,
            reads: reads.into_iter().collect(),
            writes,
            says: says.to_owned(),
        }
    }

    fn fact_id(&self) -> String {
        format!("{}-1", self.name)
    }
}

#[async_trait::async_trait]
impl Suggestor for Agent {
    fn name(&self) -> &str {
        self.name
    }

    fn dependencies(&self) -> &[ContextKey] {
        &self.reads
    }

    fn accepts(&self, context: &dyn Context) -> bool {
        let said = context.get(self.writes);
        self.reads.iter().all(|key| context.has(*key))
            && !said.iter().any(|fact| fact.id().as_str() == self.fact_id())
    }

    async fn execute(&self, _: &dyn Context) -> AgentEffect {
        AgentEffect::with_proposal(ProposedFact::new(
            self.writes,
            self.fact_id(),
            TextPayload::new(self.says.clone()),
            self.provenance(),
        ))
    }

    fn provenance(&self) -> Provenance {
        Provenance::new(self.name)
    }
}

/// Whether there is a plan.
struct Planned;

impl CriterionEvaluator for Planned {
    fn evaluate(&self, _: &Criterion, context: &dyn Context) -> CriterionResult {
        let plans = context.get(ContextKey::Strategies);
        if plans.is_empty() {
            CriterionResult::Unmet {
                reason: "nobody has planned".to_owned(),
            }
        } else {
            CriterionResult::Met {
                evidence: plans.iter().map(|fact| fact.id().clone()).collect(),
            }
        }
    }
}

/// The team: each one waits for the one before.
fn team(recalled: &[RecallCandidate]) -> Vec<Agent> {
    use ContextKey::{Evaluations, Hypotheses, Seeds, Signals, Strategies};
    let mut team = vec![
        Agent::new("host", None, Seeds, "find a venue for 80 guests in May"),
        Agent::new(
            "scout",
            Some(Seeds),
            Signals,
            "the boathouse is free on the 9th",
        ),
        Agent::new(
            "analyst",
            Some(Signals),
            Hypotheses,
            "the boathouse holds 80 if the terrace is open",
        ),
        Agent::new(
            "planner",
            Some(Hypotheses),
            Strategies,
            "book the boathouse, rent a tent",
        ),
        Agent::new(
            "critic",
            Some(Strategies),
            Evaluations,
            "a tent needs a permit by April",
        ),
    ];
    if let Some(latest) = recalled.first() {
        let says = format!("last time: {}", latest.summary);
        team.push(Agent::new("memory", Some(Seeds), Signals, &says));
    }
    team
}

fn engine(recalled: &[RecallCandidate]) -> Engine {
    let mut engine = Engine::new();
    for agent in team(recalled) {
        engine.register_suggestor(agent);
    }
    engine
}

/// The team works towards an intent, with a budget in cycles.
async fn converge(engine: &mut Engine, observer: &LogObserver, cycles: u32) -> Outcome<bool> {
    let intent = TypesRootIntent::builder()
        .id(TypesIntentId::new(format!("venue-{cycles}-cycles")))
        .kind(TypesIntentKind::Custom)
        .request("find a venue")
        .success_criteria(vec![Criterion::required("planned", "there is a plan")])
        .budgets(TypesBudgets {
            max_cycles: cycles,
            ..TypesBudgets::default()
        })
        .build();
    let hooks = TypesRunHooks {
        criterion_evaluator: Some(Arc::new(Planned)),
        event_observer: Some(Arc::new(observer.clone())),
    };
    let result = engine
        .run_with_types_intent_and_hooks(ContextState::new(), &intent, hooks)
        .await;
    Ok(result.is_ok_and(|result| result.converged))
}

/// The same with a human in the loop, who is asked before there is a plan, and says yes.
async fn converge_with_approval(
    engine: &mut Engine,
    observer: &LogObserver,
    log: &ConvergeLog,
) -> Outcome<bool> {
    engine.set_event_observer(Arc::new(observer.clone()));
    engine.set_hitl_policy(EngineHitlPolicy {
        confidence_threshold: None,
        gated_keys: vec![ContextKey::Strategies],
        timeout: TimeoutPolicy::default(),
    });
    let mut result = engine.run_with_hitl(ContextState::new()).await;
    loop {
        match result {
            RunResult::Complete(result) => return Ok(result?.converged),
            RunResult::HitlPause(pause) => {
                let gate = pause.request.gate_id.clone();
                let approval = UserExperienceEvent::UserApprovalGranted {
                    gate_request_id: gate.clone(),
                    actor: "host".into(),
                    policy_snapshot_hash: None,
                    reason: Some("the tent is cheap".to_owned()),
                };
                let envelope =
                    UserExperienceEventEnvelope::new(Uuid::now_v7().to_string(), approval)
                        .with_correlation(observer.correlation().as_str())
                        .with_timestamp(Timestamp::new(jiff::Timestamp::now().to_string()));
                log.append_user_event(envelope)?;
                let decision = GateDecision::approve(gate, "host");
                result = engine.resume(*pause, decision).await;
            }
        }
    }
}

/// One process's work.
///
/// # Errors
///
/// Whatever goes wrong on the way.
pub(crate) fn work(path: &Path) -> Outcome<()> {
    let log = ConvergeLog::open(path)?;
    let mut policy = RecallPolicy::enabled();
    policy.max_k_total = 3;
    let recalled = recall_from_store(&log, &RecallQuery::new("a venue", 3), &policy)?;
    println!("recalled from earlier runs: {}", recalled.len());
    for candidate in &recalled {
        println!("  {}", candidate.summary.escape_debug());
    }

    let observer = log.observer().start()?;
    println!("this run is {}", observer.correlation());
    pollster::block_on(async {
        let done = converge(&mut engine(&recalled), &observer, 20).await?;
        println!("twenty cycles: converged {done}");
        let done = converge_with_approval(&mut engine(&recalled), &observer, &log).await?;
        println!("with approval: converged {done}");
        let done = converge(&mut engine(&recalled), &observer, 2).await?;
        println!("two cycles: converged {done}");
        Outcome::Ok(())
    })?;

    observer.flush()?;
    let counts = observer.counts();
    println!(
        "{} events observed, {} recorded",
        counts.observed, counts.recorded
    );
    drop(observer);
    log.close()?;
    Ok(())
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(path), None) = (arguments.next(), arguments.next()) else {
        return Err("give the directory of a log, new or not: engine agent.log".into());
    };
    work(Path::new(&path))
}
