//! What happened: runs, a run's timeline, single events, artifacts, figures. All of it reads a log through a
//! [`LogReader`](crate::LogReader), so it works beside a running writer and after a crash.
//!
//! Every answer serializes to the JSON that the command `explog` prints; `docs/inspecting.md` lists the
//! fields. Text in the answers is as the agents wrote it: escape it before it reaches a terminal or a page.
//!
//! An event that this build cannot decode is shown by what the log knows of it, and never ends a listing.

mod artifacts;
mod event;
mod event_detail;
mod explain;
mod foreign;
mod lossless;
mod pass;
mod problem;
mod row;
mod run;
mod runs;
mod statistics;
mod summary;
mod timeline;

pub use artifacts::{ArtifactHistory, ArtifactStep, artifacts};
pub use event::{Content, Event};
pub use event_detail::{EventDetail, Neighbour, event};
pub use explain::{Explained, explain};
pub use lossless::json_loss;
pub use pass::{Pass, Selection};
pub use problem::{Problem, ProblemKind};
pub use row::Row;
pub use run::{Outcome, RunSummary, Totals};
pub use runs::{RunOrder, RunQuery, Runs, runs};
pub use statistics::{Count, Statistics, statistics};
pub use summary::summary;
pub use timeline::{Timeline, TimelineEvent, timelines};
