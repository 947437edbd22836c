//! `explog artifacts`: governed artifacts and their histories.

use std::io::Write;

use experience_log::inspect::{self, ArtifactHistory, ArtifactStep};
use experience_log::{ArtifactKind, ArtifactQuery, GovernedArtifactState, LogReader};

use crate::Verdict;
use crate::args::{Artifacts, Manners, ViewFormat};
use crate::failure::Failure;
use crate::output::figures::{NOTHING, or_nothing, plural};
use crate::output::screen::Screen;
use crate::output::style::Tint;
use crate::output::table::{Cell, Column, Table};
use crate::output::{escape, json};

/// From this many columns on, there is room for tenant and kind.
const MEDIUM: usize = 120;

pub(crate) fn run(arguments: &Artifacts, manners: &Manners) -> Result<Verdict, Failure> {
    let log = LogReader::open(&arguments.log)?;
    let query = ArtifactQuery {
        tenant_id: arguments.tenant.clone(),
        artifact_id: arguments.id.clone(),
        kind: arguments.kind.clone(),
        state: arguments.state,
        limit: None,
    };
    let found = inspect::artifacts(&log, &query)?;
    if let (Some(id), true) = (&arguments.id, found.is_empty()) {
        return Err(Failure::Usage(format!(
            "the log has no such artifact {id:?}; `explog artifacts {}` lists them",
            arguments.log.display()
        )));
    }
    let mut screen = Screen::paged(manners);
    let for_terminal = screen.on_terminal;
    match arguments.format.unwrap_or(ViewFormat::for_screen(&screen)) {
        ViewFormat::Jsonl => json::lines(&mut screen, &found, for_terminal)?,
        ViewFormat::Json => json::lines(&mut screen, [&found], for_terminal)?,
        ViewFormat::Table if arguments.id.is_none() => list(&found, &mut screen)?,
        ViewFormat::Table => {
            for (number, artifact) in found.iter().enumerate() {
                if number > 0 {
                    writeln!(screen).map_err(Failure::output)?;
                }
                history(artifact, &mut screen)?;
            }
        }
    }
    screen.finish()?;
    Ok(Verdict::Fine)
}

fn list(artifacts: &[ArtifactHistory], screen: &mut Screen) -> Result<(), Failure> {
    let medium = screen.columns.is_none_or(|columns| columns >= MEDIUM);
    let mut columns = vec![Column::text("artifact", 12), Column::text("state", 8)];
    if medium {
        columns.push(Column::text("kind", 8));
        columns.push(Column::text("tenant", 8));
    }
    columns.extend([
        Column::text("last change", 16),
        Column::text("by", 8),
        Column::number("changes"),
        Column::text("marks", 5),
    ]);
    let mut table = Table::new(columns, screen.columns).styled(screen.styled);
    for artifact in artifacts {
        let mut cells: Vec<Cell> = vec![
            artifact.artifact_id.clone().into(),
            Cell::new(artifact.state.to_string(), tint(artifact.state)),
        ];
        if medium {
            cells.push(or_nothing(artifact.kind.as_ref(), kind).into());
            cells.push(or_nothing(artifact.tenant_id.clone(), |tenant| tenant).into());
        }
        let changed = artifact.changed_at.as_deref();
        cells.push(or_nothing(changed, |changed| screen.zone.minute(changed)).into());
        cells.push(or_nothing(artifact.actor.clone(), |actor| actor).into());
        cells.push(artifact.history.len().to_string().into());
        let marks = match artifact.irregular {
            0 => String::new(),
            irregular => format!("! {irregular}"),
        };
        cells.push(Cell::new(marks, Tint::Warning));
        table.row(screen, cells).map_err(Failure::output)?;
    }
    table.finish(screen).map_err(Failure::output)
}

fn history(artifact: &ArtifactHistory, screen: &mut Screen) -> Result<(), Failure> {
    let columns = screen.columns.unwrap_or(usize::MAX);
    let state = artifact.state.to_string();
    let name = escape::fit(
        &artifact.artifact_id,
        columns.saturating_sub(state.len() + 2),
    );
    screen.line(&[
        (Tint::Strong, &name),
        (Tint::Plain, "  "),
        (tint(artifact.state), &state),
    ])?;
    let tenant = or_nothing(artifact.tenant_id.clone(), |tenant| tenant);
    let kind = or_nothing(artifact.kind.as_ref(), kind);
    let changes = plural(artifact.history.len() as u64, "change");
    let facts = format!("kind {kind} · tenant {tenant} · {changes}");
    screen.line(&[(Tint::Plain, &escape::fit(&facts, columns))])?;
    writeln!(screen).map_err(Failure::output)?;
    let columns = vec![
        Column::text("time", 16),
        Column::text("from", 8),
        Column::text("to", 8),
        Column::text("mark", 4),
        Column::text("by", 8),
        Column::text("reason", 12),
    ];
    let mut table = Table::new(columns, screen.columns).styled(screen.styled);
    for step in &artifact.history {
        let mut reason = step.reason.clone();
        if let Some(rollback) = &step.rollback {
            let severity = rollback.impact.severity;
            reason = format!("severity {severity}: {reason}");
        }
        let cells: Vec<Cell> = vec![
            screen.zone.minute(&step.occurred_at).into(),
            step.from.to_string().into(),
            Cell::new(step.to.to_string(), tint(step.to)),
            Cell::new(mark(step), Tint::Warning),
            step.actor.clone().into(),
            reason.into(),
        ];
        table.row(screen, cells).map_err(Failure::output)?;
    }
    table.finish(screen).map_err(Failure::output)
}

/// What is wrong with a change, if anything.
fn mark(step: &ArtifactStep) -> &'static str {
    match (step.allowed, step.continues) {
        (true, true) => "",
        (false, true) => "not allowed",
        (true, false) => "out of turn",
        (false, false) => "not allowed, out of turn",
    }
}

fn tint(state: GovernedArtifactState) -> Tint {
    match state {
        GovernedArtifactState::Active => Tint::Good,
        GovernedArtifactState::Quarantined => Tint::Warning,
        GovernedArtifactState::RolledBack => Tint::Bad,
        GovernedArtifactState::Draft
        | GovernedArtifactState::Approved
        | GovernedArtifactState::Deprecated => Tint::Plain,
    }
}

fn kind(kind: &ArtifactKind) -> String {
    match kind {
        ArtifactKind::Adapter => "Adapter".to_owned(),
        ArtifactKind::Pack => "Pack".to_owned(),
        ArtifactKind::Policy => "Policy".to_owned(),
        ArtifactKind::TruthFile => "TruthFile".to_owned(),
        ArtifactKind::EvalSuite => "EvalSuite".to_owned(),
        ArtifactKind::Other(name) if name.is_empty() => NOTHING.to_owned(),
        ArtifactKind::Other(name) => name.clone(),
    }
}
