//! Appends the events of some invented agent runs to a log, and asks it five questions.
//!
//! ```text
//! cargo run --example quickstart [-- DIRECTORY]
//! ```
//!
//! The log is made in a temporary directory and removed at the end, unless a directory is given.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::PathBuf;
use std::{env, fs, process};

use experience_log::kernel_boundary::RecallTrace;
use experience_log::{
    ArtifactQuery, EventQuery, ExperienceEvent, ExperienceEventEnvelope, ExperienceEventKind,
    ExperienceLog, GovernedArtifactState, TraceLink,
};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

const RUNS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/agent-runs.jsonl");

fn main() -> Result {
    let given = env::args().nth(1).map(PathBuf::from);
    let path = given.clone().unwrap_or_else(|| {
        let name = format!("experience-log-quickstart-{}", process::id());
        env::temp_dir().join(name)
    });
    let answered = tell(&path);
    if given.is_none() {
        fs::remove_dir_all(&path)?;
    }
    answered
}

fn tell(path: &PathBuf) -> Result {
    let log = ExperienceLog::open(path)?;
    append(&log)?;
    what_a_run_did(&log, "infra-disk-44")?;
    what_failed(&log, "nordhaven-insurance")?;
    what_went_over_budget(&log)?;
    what_stands_behind(&log, "lease-0340", "lease-0340-p1")?;
    which_artifacts_are(
        &log,
        [
            GovernedArtifactState::Active,
            GovernedArtifactState::RolledBack,
        ],
    )?;
    log.close()?;
    Ok(())
}

/// Events enter in batches: all of a batch, or none of it. Here they are one.
fn append(log: &ExperienceLog) -> Result {
    let lines = fs::read_to_string(RUNS)?;
    let events: Vec<ExperienceEventEnvelope> = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<std::result::Result<_, _>>()?;
    let outcome = log.append_batch(&events)?;
    let runs: BTreeSet<_> = events
        .iter()
        .filter_map(|event| event.correlation_id.as_ref())
        .collect();
    println!(
        "{} events of {} runs appended, {} were there already; all are on disk.",
        outcome.written(),
        runs.len(),
        outcome.already_present(),
    );
    Ok(())
}

fn what_a_run_did(log: &ExperienceLog, run: &str) -> Result {
    ask(&format!("1. What did run {run} do, step by step?"));
    for event in log.query(&EventQuery::new().correlation(run))? {
        let kind = event.event.kind().to_string();
        let what = match &event.event {
            ExperienceEvent::BackendInvoked {
                backend_name, step, ..
            } => format!("{backend_name} for {step:?}"),
            ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => trace_link_id.clone(),
            ExperienceEvent::ProposalCreated { proposal, .. } => short(&proposal.payload, 56),
            ExperienceEvent::ProposalValidated {
                contract_results, ..
            } => {
                let passed = contract_results.iter().filter(|r| r.passed).count();
                format!("{passed} of {} contracts hold", contract_results.len())
            }
            ExperienceEvent::ReplayabilityDowngraded { from, to, .. } => {
                format!("{from:?} to {to:?}")
            }
            ExperienceEvent::BudgetExceeded {
                resource, limit, ..
            } => format!("{resource} over {limit}"),
            ExperienceEvent::OutcomeRecorded {
                stop_reason,
                tokens,
                ..
            } => {
                let end = stop_reason.as_deref().unwrap_or("done");
                format!("{end}, {} tokens", tokens.unwrap_or(0))
            }
            _ => String::new(),
        };
        println!("   {}  {kind:<23}  {what}", event.occurred_at);
    }
    Ok(())
}

fn what_failed(log: &ExperienceLog, tenant: &str) -> Result {
    ask(&format!(
        "2. Which proposals of {tenant} failed validation in February or March?"
    ));
    let query = EventQuery::new()
        .tenant(tenant)
        .kind(ExperienceEventKind::ProposalValidated)
        .since("2026-02-01T00:00:00Z")
        .until("2026-03-31T23:59:59Z");
    for event in log.query(&query)? {
        let ExperienceEvent::ProposalValidated {
            proposal_id,
            contract_results,
            all_passed: false,
            ..
        } = event.event
        else {
            continue;
        };
        for result in contract_results.iter().filter(|result| !result.passed) {
            let reason = result
                .failure_reason
                .as_deref()
                .unwrap_or("no reason given");
            println!(
                "   {proposal_id:<12}  {}: {}",
                result.name,
                short(reason, 52)
            );
        }
    }
    Ok(())
}

fn what_went_over_budget(log: &ExperienceLog) -> Result {
    ask("3. Which budgets were exceeded?");
    for event in log.query(&EventQuery::new().kind(ExperienceEventKind::BudgetExceeded))? {
        let ExperienceEvent::BudgetExceeded {
            chain_id,
            resource,
            limit,
            observed,
        } = event.event
        else {
            continue;
        };
        let observed = observed.as_deref().unwrap_or("an unknown amount");
        let tenant = event.tenant_id.as_deref().unwrap_or("-");
        println!("   {tenant:<19}  {chain_id:<30}  {resource}: {observed}, limit {limit}");
    }
    Ok(())
}

/// A run records the trace link first, then the proposal that came of it.
fn what_stands_behind(log: &ExperienceLog, run: &str, proposal_id: &str) -> Result {
    ask(&format!("4. What stands behind proposal {proposal_id}?"));
    let mut latest = None;
    for event in log.query(&EventQuery::new().correlation(run))? {
        match event.event {
            ExperienceEvent::TraceLinkRecorded { trace_link_id, .. } => {
                latest = Some(trace_link_id);
            }
            ExperienceEvent::ProposalCreated { proposal, .. } if proposal.id == proposal_id => {
                break;
            }
            _ => {}
        }
    }
    let trace_link_id = latest.ok_or("the run recorded no trace link")?;
    let link = log.get_trace_link(&trace_link_id)?.ok_or("it is gone")?;
    println!(
        "   trace link    {trace_link_id}, replayability {:?}",
        link.replayability()
    );
    match link {
        TraceLink::Local(local) => {
            println!(
                "   model         {}, seed {}, prompt {}",
                short(&local.base_model_hash, 13),
                local.seed,
                local.prompt_version
            );
            if let Some(RecallTrace { candidate_ids, .. }) = local.recall {
                println!("   recalled      {}", candidate_ids.join(", "));
            }
        }
        TraceLink::Remote(remote) => println!(
            "   model         {}/{}",
            remote.provider_name, remote.provider_model_id
        ),
    }
    Ok(())
}

fn which_artifacts_are(log: &ExperienceLog, states: [GovernedArtifactState; 2]) -> Result {
    let [one, other] = states;
    ask(&format!(
        "5. Which artifacts are {one} or {other}, and why?"
    ));
    for state in states {
        for artifact in log.query_artifacts(&ArtifactQuery::new().state(state))? {
            let Some(change) = artifact.history.last() else {
                continue;
            };
            let (state, reason) = (state.to_string(), short(&change.reason, 58));
            println!("   {state:<11}  {:<20}  {reason}", artifact.artifact_id);
        }
    }
    Ok(())
}

fn ask(question: &str) {
    println!("\n{question}");
}

/// The text on one line, cut to `most` characters.
fn short(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let mut cut: String = line.chars().take(most.saturating_sub(1)).collect();
    cut.push('…');
    cut
}
